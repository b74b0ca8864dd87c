//! The nearest known name, for somebody who mistyped one.

/// Names longer than this are no slip of the finger.
const LONGEST: usize = 64;

/// The known name that is nearest to `name`, if one is near enough to be worth a guess.
pub(super) fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    if name.len() > LONGEST {
        return None;
    }
    let wanted = plain(name);
    known
        .iter()
        .map(|candidate| (distance(&wanted, &plain(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(wanted.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Without what people confuse: case, and the `_` and `-` of other spellings.
fn plain(name: &str) -> Vec<char> {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// How many characters must be inserted, removed, replaced, or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &[
        "http1MaxPendingRequests",
        "http2MaxRequests",
        "maxRequestsPerConnection",
        "maxRetries",
        "idleTimeout",
        "tcp",
        "http",
    ];

    #[test]
    fn a_slip_finds_the_name_that_was_meant() {
        for (typed, meant) in [
            ("http2MaxRequest", "http2MaxRequests"),
            ("httpMaxRequests", "http2MaxRequests"),
            ("http1maxpendingrequests", "http1MaxPendingRequests"),
            ("http1_max_pending_requests", "http1MaxPendingRequests"),
            ("max-retries", "maxRetries"),
            ("idelTimeout", "idleTimeout"),
            ("tpc", "tcp"),
            ("htttp", "http"),
        ] {
            assert_eq!(nearest(typed, KNOWN), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_is_near_nothing_finds_nothing() {
        for typed in ["", "banana", "xyz", &"http".repeat(1000)] {
            assert_eq!(nearest(typed, KNOWN), None, "{typed}");
        }
    }
}
