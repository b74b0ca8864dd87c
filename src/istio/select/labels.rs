//! Labels, and selectors that look for some.

use std::collections::BTreeMap;

/// What a workload must carry: a set of labels. One without labels selects every workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::istio) struct Selector(Vec<(Box<str>, Box<str>)>);

impl Selector {
    pub(in crate::istio) fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let sorted: BTreeMap<_, _> = labels.into_iter().collect();
        let own = |(key, value): (&str, &str)| (key.into(), value.into());
        Self(sorted.into_iter().map(own).collect())
    }

    /// Whether a workload with these labels is meant.
    pub(in crate::istio) fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.len() <= labels.len()
            && self.0.iter().all(|(key, value)| {
                labels
                    .get(&**key)
                    .is_some_and(|carried| **carried == **value)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_must_be_carried() {
        let carried = |labels: &[(&str, &str)]| -> BTreeMap<String, String> {
            let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            labels.iter().map(own).collect()
        };
        let selector = Selector::new([("app", "a"), ("tier", "web")]);
        assert!(selector.selects(&carried(&[("app", "a"), ("tier", "web"), ("x", "y")])));
        assert!(!selector.selects(&carried(&[("app", "a"), ("x", "y")])));
        assert!(!selector.selects(&carried(&[("app", "b"), ("tier", "web")])));
        assert!(!selector.selects(&carried(&[])));
        assert!(Selector::default().selects(&carried(&[])));
        assert_eq!(Selector::new([("tier", "web"), ("app", "a")]), selector);
    }
}
