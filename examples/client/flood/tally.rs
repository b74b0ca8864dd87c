//! What the clients count.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use super::Answer;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    sent: u64,
    other: u64,
    users: BTreeSet<String>,
    /// How long each success took.
    successes: Vec<Duration>,
    /// How long each refusal took.
    refusals: Vec<Duration>,
}

/// A tally in numbers. A time of nothing is `null`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) sent: u64,
    pub(crate) ok: u64,
    pub(crate) overflow: u64,
    pub(crate) other: u64,
    pub(crate) p50_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
    pub(crate) refusal_p50_us: Option<u64>,
    #[serde(skip)]
    pub(crate) refusal_p99_us: Option<u64>,
    /// The names that came back.
    #[serde(skip)]
    pub(crate) users: BTreeSet<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, answer: &Answer, took: Duration) {
        self.sent += 1;
        match answer {
            Answer::User(name) => {
                self.successes.push(took);
                if !self.users.contains(name) {
                    self.users.insert(name.clone());
                }
            }
            Answer::Overflow(_) => self.refusals.push(took),
            Answer::Failure(_) => self.other += 1,
        }
    }

    pub(crate) fn merge(&mut self, mut more: Self) {
        self.sent += more.sent;
        self.other += more.other;
        self.users.append(&mut more.users);
        self.successes.append(&mut more.successes);
        self.refusals.append(&mut more.refusals);
    }

    pub(crate) fn summary(mut self) -> Summary {
        self.successes.sort_unstable();
        self.refusals.sort_unstable();
        Summary {
            sent: self.sent,
            ok: self.successes.len() as u64,
            overflow: self.refusals.len() as u64,
            other: self.other,
            p50_us: percentile(&self.successes, 50),
            p99_us: percentile(&self.successes, 99),
            refusal_p50_us: percentile(&self.refusals, 50),
            refusal_p99_us: percentile(&self.refusals, 99),
            users: self.users,
        }
    }
}

/// The smallest that `percent` of 100 do not exceed, in microseconds.
fn percentile(sorted: &[Duration], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let time = sorted.get(rank - 1)?;
    u64::try_from(time.as_micros()).ok()
}

/// Microseconds for people.
pub(crate) fn readable(us: Option<u64>) -> String {
    match us {
        None => "-".to_owned(),
        Some(us) if us < 1000 => format!("{us} us"),
        Some(us) => format!("{}.{:02} ms", us / 1000, us % 1000 / 10),
    }
}
