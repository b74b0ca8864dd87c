//! Selection as it is described, without an index: for each question all rules are looked through.

use std::collections::{BTreeMap, BTreeSet};

use meshpool::istio::Selection;

pub(crate) const ROOT: &str = "istio-system";

/// A rule, as far as selection goes.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) namespace: &'static str,
    pub(crate) created: u32,
    pub(crate) host: &'static str,
    pub(crate) export_to: BTreeSet<&'static str>,
    pub(crate) selector: Option<BTreeMap<&'static str, &'static str>>,
    /// `maxConnections` of its policy, if it has one.
    pub(crate) policy: Option<u32>,
    pub(crate) subsets: BTreeSet<&'static str>,
}

/// Rules that were merged.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    rule: &'a Rule,
    export_to: BTreeSet<&'static str>,
    pub(crate) names: Vec<String>,
    pub(crate) policy: Option<u32>,
    pub(crate) subsets: Vec<&'static str>,
}

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) inbound: bool,
    pub(crate) client: &'static str,
    pub(crate) app: Option<&'static str>,
    pub(crate) host: &'static str,
    pub(crate) namespace: &'static str,
}

/// The candidates, and the one that applies.
pub(crate) fn select<'a>(
    rules: &'a [Rule],
    private_by_default: bool,
    selection: Selection,
    asked: Asked,
) -> (Vec<Entry<'a>>, Option<Entry<'a>>) {
    let mut sorted: Vec<&Rule> = rules.iter().collect();
    sorted.sort_by_key(|rule| {
        let name = (rule.created, &rule.name, rule.namespace);
        (rule.selector.is_none(), name)
    });
    let exports = |rule: &Rule| exports(rule, selection);
    let is_private = |rule: &Rule| {
        let exports = exports(rule);
        let only =
            exports.len() == 1 && exports.iter().all(|to| [".", rule.namespace].contains(to));
        only || exports.is_empty() && private_by_default
    };
    let is_local = |rule: &Rule| {
        let exports = exports(rule);
        exports.is_empty()
            || ["*", ".", rule.namespace]
                .iter()
                .any(|to| exports.contains(to))
    };
    let of = |namespace: &str, wanted: &dyn Fn(&Rule) -> bool| -> Vec<&'a Rule> {
        let those = sorted.iter().copied();
        those
            .filter(|rule| rule.namespace == namespace && wanted(rule))
            .collect()
    };

    let own = match asked.client {
        ROOT => of(ROOT, &is_private),
        client => of(client, &is_local),
    };
    let mut found = merged(&best(&own, asked.host), selection);
    for namespace in [asked.namespace, ROOT] {
        if found.is_empty() {
            let exported = of(namespace, &|rule| !is_private(rule));
            found = merged(&best(&exported, asked.host), selection);
            found.retain(|entry| {
                let exports = &entry.export_to;
                exports.is_empty() || exports.contains("*") || exports.contains(asked.client)
            });
        }
    }
    let picked = pick(&found, asked);
    (found, picked)
}

fn exports(rule: &Rule, selection: Selection) -> BTreeSet<&'static str> {
    let written = match rule.selector {
        Some(_) => BTreeSet::from(["."]),
        None => rule.export_to.clone(),
    };
    match selection {
        Selection::Sane => written
            .into_iter()
            .map(|to| if to == "." { rule.namespace } else { to })
            .collect(),
        _ => written,
    }
}

/// The rules for the most specific of the hosts that hold.
fn best<'a>(rules: &[&'a Rule], host: &str) -> Vec<&'a Rule> {
    let specificity = |rule: &&&Rule| {
        let of_rule = full(rule);
        match (of_rule.strip_prefix('*'), host.strip_prefix('*')) {
            _ if of_rule == host => Some(usize::MAX),
            (Some(suffix), needle) => needle
                .unwrap_or(host)
                .ends_with(suffix)
                .then_some(of_rule.len()),
            (None, _) => None,
        }
    };
    let most = rules.iter().filter_map(|rule| specificity(&rule)).max();
    let those = rules
        .iter()
        .filter(|rule| specificity(rule).is_some() && specificity(rule) == most);
    those.copied().collect()
}

fn full(rule: &Rule) -> String {
    match rule.host {
        host if host == "*" || host.contains('.') => host.to_owned(),
        host => format!("{host}.{}.svc.cluster.local", rule.namespace),
    }
}

fn merged<'a>(rules: &[&'a Rule], selection: Selection) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    for rule in rules {
        let export_to = exports(rule, selection);
        let mut apart = true;
        let mut is_part = false;
        for entry in &mut entries {
            let equal = export_to == entry.export_to;
            let wider = !entry.export_to.is_empty() && export_to.is_superset(&entry.export_to);
            if !equal && !wider {
                apart = true;
                continue;
            }
            let same = match (&rule.selector, &entry.rule.selector) {
                (Some(one), Some(other)) if one != other => {
                    apart = true;
                    continue;
                }
                (one, other) => one.is_some() == other.is_some(),
            };
            apart = !equal && !same;
            is_part |= equal && same;
            entry.names.push(name(rule));
            for subset in &rule.subsets {
                if !entry.subsets.contains(subset) {
                    entry.subsets.push(subset);
                }
            }
            entry.policy = entry.policy.or(rule.policy);
        }
        if selection == Selection::Sane {
            apart = !is_part;
        }
        if apart {
            entries.push(Entry {
                rule,
                export_to,
                names: vec![name(rule)],
                policy: rule.policy,
                subsets: rule.subsets.iter().copied().collect(),
            });
        }
    }
    entries
}

fn name(rule: &Rule) -> String {
    format!("{}/{}", rule.namespace, rule.name)
}

fn pick<'a>(entries: &[Entry<'a>], asked: Asked) -> Option<Entry<'a>> {
    let selected = entries.iter().find(|entry| {
        let selector = entry.rule.selector.as_ref();
        let fits = selector.is_some_and(|selector| match selector.get("app") {
            Some(app) => asked.app == Some(*app),
            None => true,
        });
        fits && !asked.inbound && entry.rule.namespace == asked.client
    });
    let plain = entries.iter().rfind(|entry| entry.rule.selector.is_none());
    selected.or(plain).cloned()
}
