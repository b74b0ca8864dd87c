//! [`Sidecars`]: which `Sidecar` a workload has.

use std::collections::{BTreeMap, HashMap};

use super::labels::Selector;

/// A `Sidecar` of the set, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::istio) struct SidecarId(pub(in crate::istio) u32);

/// Every `Sidecar`, by namespace.
#[derive(Debug, Default)]
pub(in crate::istio) struct Sidecars {
    by_namespace: HashMap<Box<str>, Vec<(SidecarId, Option<Selector>)>>,
    /// Of the root namespace, for workloads that have none of their own namespace.
    root: Option<SidecarId>,
}

impl Sidecars {
    /// From all of them with their namespaces, the oldest first.
    pub(in crate::istio) fn new<'a>(
        sidecars: impl IntoIterator<Item = (SidecarId, &'a str, Option<Selector>)>,
        root_namespace: &str,
    ) -> Self {
        let mut sorted = Self::default();
        for (id, namespace, selector) in sidecars {
            if selector.is_none() && *namespace == *root_namespace {
                sorted.root.get_or_insert(id);
            }
            let those = sorted.by_namespace.entry(namespace.into()).or_default();
            those.push((id, selector));
        }
        for those in sorted.by_namespace.values_mut() {
            those.sort_by_key(|(_, selector)| selector.is_none());
        }
        sorted
    }

    /// The one of a workload with these labels: the oldest whose selector fits, or else the oldest
    /// without a selector, or else the one of the root namespace.
    pub(in crate::istio) fn of(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<SidecarId> {
        let own = self.by_namespace.get(namespace).into_iter().flatten();
        let mut fitting = own.filter(|(_, selector)| {
            selector
                .as_ref()
                .is_none_or(|selector| selector.selects(labels))
        });
        fitting.next().map(|(id, _)| *id).or(self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_comes_first_then_the_namespace_then_the_root() {
        let app = |value| Some(Selector::new([("app", value)]));
        let sidecars = [
            ("root", app("a")),
            ("root", None),
            ("ns", None),
            ("ns", None),
            ("ns", app("a")),
            ("ns", app("a")),
            ("selective", app("a")),
        ];
        let sidecars = (0..)
            .map(SidecarId)
            .zip(sidecars)
            .map(|(id, (namespace, selector))| (id, namespace, selector));
        let sidecars = Sidecars::new(sidecars, "root");
        let of = |namespace, app: &str| {
            let labels = BTreeMap::from([("app".to_owned(), app.to_owned())]);
            sidecars.of(namespace, &labels).map(|id| id.0)
        };
        assert_eq!(of("ns", "a"), Some(4));
        assert_eq!(of("ns", "b"), Some(2));
        assert_eq!(of("selective", "a"), Some(6));
        assert_eq!(of("selective", "b"), Some(1));
        assert_eq!(of("other", "a"), Some(1));
        assert_eq!(of("root", "a"), Some(0));
        assert_eq!(Sidecars::default().of("ns", &BTreeMap::new()), None);
    }
}
