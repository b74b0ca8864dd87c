//! [`Hosts`]: a map from hosts, wildcards among them, that finds the most specific one.

use std::collections::HashMap;

use super::host::suffix;

/// A map from hosts. A wildcard `*X` holds for every host that ends in `X`.
///
/// Wildcards are found by their suffixes: those of a host are looked up, the longest first, and of
/// these only such as are as long as some wildcard's. That is a look-up or two in a mesh, however
/// many wildcards it has; and never more than a name may have letters.
#[derive(Debug)]
pub(super) struct Hosts<V> {
    exact: HashMap<Box<str>, V>,
    wild: HashMap<Box<str>, V>,
    /// How long the suffixes of wildcards are: each length once, from the longest on.
    lengths: Vec<usize>,
}

impl<V> Hosts<V> {
    /// The map of these hosts, of which each occurs once.
    pub(super) fn new(values: impl IntoIterator<Item = (Box<str>, V)>) -> Self {
        let mut exact = HashMap::new();
        let mut wild: HashMap<Box<str>, V> = HashMap::new();
        for (host, value) in values {
            match suffix(&host) {
                Some(suffix) => wild.insert(suffix.into(), value),
                None => exact.insert(host, value),
            };
        }
        let mut lengths: Vec<usize> = wild.keys().map(|suffix| suffix.len()).collect();
        lengths.sort_unstable_by(|one, other| other.cmp(one));
        lengths.dedup();
        Self {
            exact,
            wild,
            lengths,
        }
    }

    /// The value of the most specific host that holds for `host`. A host that is a wildcard itself
    /// is held for by the same one, and by those for what follows its `*`.
    pub(super) fn most_specific(&self, host: &str) -> Option<&V> {
        self.all(host).next()
    }

    /// The values of all hosts that hold for `host`, from the most specific on.
    pub(super) fn all(&self, host: &str) -> impl Iterator<Item = &V> {
        let (exact, rest) = match suffix(host) {
            Some(suffix) => (None, suffix),
            None => (self.exact.get(host), host),
        };
        let ends = self.lengths.iter().filter_map(move |length| {
            let start = rest.len().checked_sub(*length)?;
            rest.get(start..)
        });
        exact
            .into_iter()
            .chain(ends.filter_map(|end| self.wild.get(end)))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.exact.values().chain(self.wild.values())
    }
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
