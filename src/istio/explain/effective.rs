//! [`Effective`]: settings in the form in which Envoy's configuration has them.

use crate::istio::settings::{Setting, Settings, Value};

/// What applies: the rule, and a tree of values by the parts of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effective {
    pub(super) selected: Option<String>,
    pub(super) candidates: Vec<String>,
    pub(super) subsets: Vec<String>,
    pub(super) values: Vec<(&'static str, Tree)>,
}

/// A value, or values by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    Leaf(Value),
    Branch(Vec<(&'static str, Tree)>),
}

impl Effective {
    pub(super) fn new(settings: &Settings<'_>, values: &[Setting<'_>]) -> Self {
        let mut roots = Vec::new();
        for setting in values {
            insert(&mut roots, setting.name(), setting.value());
        }
        Self {
            selected: settings.selected().map(|entry| entry.to_string()),
            candidates: settings.candidates().map(|it| it.to_string()).collect(),
            subsets: settings.subsets().map(ToOwned::to_owned).collect(),
            values: roots,
        }
    }
}

fn insert(trees: &mut Vec<(&'static str, Tree)>, name: &'static str, value: Value) {
    let Some((first, rest)) = name.split_once('.') else {
        trees.push((name, Tree::Leaf(value)));
        return;
    };
    let found = trees.iter_mut().find_map(|(name, tree)| match tree {
        Tree::Branch(inner) if *name == first => Some(inner),
        _ => None,
    });
    if let Some(inner) = found {
        insert(inner, rest, value);
    } else {
        let mut inner = Vec::new();
        insert(&mut inner, rest, value);
        trees.push((first, Tree::Branch(inner)));
    }
}
