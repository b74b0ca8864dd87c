//! [`Hosts`]: a map from hosts, wildcards among them, that finds the most specific one.
//!
//! A wildcard `*X` holds for every host that ends in `X`. The suffixes are kept in the order of
//! their reversed text, each with the longest other one that it ends in (its *parent*). What
//! stands last before a host in that order shares with it all that any wildcard can; of it and its
//! parents the first that fits is the longest. So a look-up is a binary search and a few steps,
//! however many wildcards there are.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::host::suffix;

/// A map from hosts.
#[derive(Debug)]
pub(super) struct Hosts<V> {
    exact: HashMap<Box<str>, V>,
    wild: Vec<Wild<V>>,
}

#[derive(Debug)]
struct Wild<V> {
    suffix: Box<str>,
    parent: Option<u32>,
    value: V,
}

impl<V> Hosts<V> {
    /// The map of these hosts, of which each occurs once.
    pub(super) fn new(values: impl IntoIterator<Item = (Box<str>, V)>) -> Self {
        let mut exact = HashMap::new();
        let mut wild = Vec::new();
        for (host, value) in values {
            match suffix(&host) {
                Some(suffix) => wild.push(Wild {
                    suffix: suffix.into(),
                    parent: None,
                    value,
                }),
                None => {
                    exact.insert(host, value);
                }
            }
        }
        wild.sort_by(|one, other| from_the_end(&one.suffix, &other.suffix));
        find_parents(&mut wild);
        Self { exact, wild }
    }

    /// The value of the most specific host that holds for `host`. A host that is a wildcard itself
    /// is held for by the same one, and by those for what follows its `*`.
    pub(super) fn most_specific(&self, host: &str) -> Option<&V> {
        match suffix(host) {
            Some(suffix) => self.longest(suffix),
            None => self.exact.get(host).or_else(|| self.longest(host)),
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        let wild = self.wild.iter().map(|wild| &wild.value);
        self.exact.values().chain(wild)
    }

    fn longest(&self, host: &str) -> Option<&V> {
        let after = self
            .wild
            .partition_point(|wild| from_the_end(&wild.suffix, host) != Ordering::Greater);
        let mut wild = &self.wild[after.checked_sub(1)?];
        let shared = shared_end(&wild.suffix, host);
        while wild.suffix.len() > shared {
            wild = &self.wild[wild.parent? as usize];
        }
        Some(&wild.value)
    }
}

/// Those that one may end in stand before it, the longest last: a stack of them is enough.
fn find_parents<V>(wild: &mut [Wild<V>]) {
    let mut open: Vec<u32> = Vec::new();
    for index in 0..wild.len() {
        while let Some(&last) = open.last() {
            if wild[index].suffix.ends_with(&*wild[last as usize].suffix) {
                break;
            }
            open.pop();
        }
        wild[index].parent = open.last().copied();
        open.push(index as u32);
    }
}

fn from_the_end(one: &str, other: &str) -> Ordering {
    one.bytes().rev().cmp(other.bytes().rev())
}

/// How many bytes at the end are the same.
fn shared_end(one: &str, other: &str) -> usize {
    let pairs = one.bytes().rev().zip(other.bytes().rev());
    pairs.take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Hosts;

    fn hosts(names: &[&str]) -> Hosts<String> {
        Hosts::new(
            names
                .iter()
                .map(|name| ((*name).into(), (*name).to_owned())),
        )
    }

    #[test]
    fn the_most_specific_host_holds() {
        let hosts = hosts(&["*", "*.org", "*.app.org", "*pp.org", "a.app.org", "*.net"]);
        for (host, expected) in [
            ("a.app.org", "a.app.org"),
            ("b.app.org", "*.app.org"),
            ("app.org", "*pp.org"),
            ("x.org", "*.org"),
            ("org", "*"),
            ("*.app.org", "*.app.org"),
            ("*.b.app.org", "*.app.org"),
            ("*a.app.org", "*.app.org"),
            ("*", "*"),
            ("", "*"),
        ] {
            assert_eq!(hosts.most_specific(host).unwrap(), expected, "{host}");
        }
        assert_eq!(hosts.values().count(), 6);
    }

    #[test]
    fn none_holds_for_what_no_host_fits() {
        let hosts = hosts(&["*.org", "*.app.org", "a.net"]);
        for host in ["org", "a.com", "b.net", "A.org.", "x.ORG"] {
            assert_eq!(hosts.most_specific(host), None, "{host}");
        }
        // The same host as a wildcard is one of many, not that one.
        assert_eq!(hosts.most_specific("*a.net"), None);
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_scan_finds(
            names in prop::collection::btree_set("\\*?[ab.]{0,6}", 0..40),
            host in "\\*?[ab.]{0,8}",
        ) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let found = hosts(&names).most_specific(&host).cloned();
            let needle = host.strip_prefix('*').unwrap_or(&host);
            let wild = names.iter().filter(|name| {
                name.strip_prefix('*').is_some_and(|suffix| needle.ends_with(suffix))
            });
            let longest = wild.max_by_key(|name| name.len());
            let expected = match names.contains(&&*host) {
                true => Some(&*host),
                false => longest.copied(),
            };
            prop_assert_eq!(found.as_deref(), expected);
        }
    }
}
