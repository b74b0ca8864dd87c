//! [`RetryBudget`]: how many retries, as a share of the load.

/// How many retries may be under way at once, as a share of the requests that are active or
/// pending: whichever is more of *percent* and *minimum*.
///
/// Istio: `trafficPolicy.retryBudget`; Envoy: `retry_budget`. The defaults are theirs.
///
/// ```
/// use meshpool::limits::RetryBudget;
///
/// let budget = RetryBudget::default(); // 20 %, at least 3
/// assert_eq!(budget.retries_for(10), 3);
/// assert_eq!(budget.retries_for(100), 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(into = "Plain", from = "Plain")
)]
pub struct RetryBudget {
    /// Of one whole; an integer, so that budgets can be compared and hashed.
    millionths: u32,
    min_concurrency: u32,
}

impl RetryBudget {
    /// 20 percent, and at least 3 retries.
    pub const fn new() -> Self {
        Self {
            millionths: 200_000,
            min_concurrency: 3,
        }
    }

    /// Sets the percentage, 0 to 100; what is outside counts as the nearer end, and what
    /// is not a number as 0. It is kept to a ten-thousandth of a percent. Default: 20.
    #[must_use]
    pub fn percent(mut self, percent: f64) -> Self {
        self.millionths = (percent.clamp(0.0, 100.0) * 10_000.0).round() as u32;
        self
    }

    /// Sets how many retries are always allowed. Default: 3.
    #[must_use]
    pub const fn min_concurrency(mut self, retries: u32) -> Self {
        self.min_concurrency = retries;
        self
    }

    /// How many retries may be under way beside this many active and pending requests.
    pub const fn retries_for(&self, requests: u64) -> u32 {
        let share = requests as u128 * self.millionths as u128 / 1_000_000;
        if share > self.min_concurrency as u128 {
            if share > u32::MAX as u128 {
                u32::MAX
            } else {
                share as u32
            }
        } else {
            self.min_concurrency
        }
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

/// How it is written: a percentage as people say it.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Plain {
    percent: f64,
    min_concurrency: u32,
}

#[cfg(feature = "serde")]
impl Default for Plain {
    fn default() -> Self {
        RetryBudget::new().into()
    }
}

#[cfg(feature = "serde")]
impl From<RetryBudget> for Plain {
    fn from(budget: RetryBudget) -> Self {
        Self {
            percent: f64::from(budget.millionths) / 10_000.0,
            min_concurrency: budget.min_concurrency,
        }
    }
}

#[cfg(feature = "serde")]
impl From<Plain> for RetryBudget {
    fn from(plain: Plain) -> Self {
        Self::new()
            .percent(plain.percent)
            .min_concurrency(plain.min_concurrency)
    }
}

#[cfg(test)]
mod tests {
    use super::RetryBudget;

    #[test]
    fn it_is_whichever_is_more() {
        let budget = RetryBudget::new().percent(12.5).min_concurrency(2);
        assert_eq!(budget.retries_for(0), 2);
        assert_eq!(budget.retries_for(23), 2);
        assert_eq!(budget.retries_for(24), 3);
        assert_eq!(budget.retries_for(u64::MAX), u32::MAX);
    }

    #[test]
    fn a_percentage_that_is_none_counts_as_the_nearest() {
        let of_ten = |percent| {
            let budget = RetryBudget::new().min_concurrency(0);
            budget.percent(percent).retries_for(10)
        };
        assert_eq!([of_ten(-1.0), of_ten(f64::NAN), of_ten(1e9)], [0, 0, 10]);
    }

    #[cfg(feature = "serde")]
    #[test]
    fn it_is_written_as_people_say_it() {
        let budget = RetryBudget::new().percent(33.3);
        let written = serde_json::to_value(budget).unwrap();
        let expected = serde_json::json!({ "percent": 33.3, "min_concurrency": 3 });
        assert_eq!(written, expected);
        let partly = serde_json::json!({ "percent": 33.3 });
        assert_eq!(
            serde_json::from_value::<RetryBudget>(partly).unwrap(),
            budget
        );
    }
}
