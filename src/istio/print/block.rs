//! A mapping under construction.

use crate::istio::resource::{GoDuration, Labels, Opaque, Spanned, Tree};

/// Fields in the order in which they are put.
#[derive(Debug, Default)]
pub(super) struct Block(Vec<(String, Tree)>);

impl Block {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn tree(self) -> Tree {
        Tree::Map(self.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn put(mut self, name: &str, value: Tree) -> Self {
        self.0.push((name.to_owned(), value));
        self
    }

    /// Puts a field, if it is set.
    pub(super) fn field<T>(
        self,
        name: &str,
        field: &Option<Spanned<T>>,
        print: impl FnOnce(&T) -> Tree,
    ) -> Self {
        match field {
            Some(field) => self.put(name, print(field)),
            None => self,
        }
    }

    /// Puts a list, if it is set.
    pub(super) fn list<T>(
        self,
        name: &str,
        field: &Option<Spanned<Vec<Spanned<T>>>>,
        print: impl Fn(&T) -> Tree,
    ) -> Self {
        self.field(name, field, |items| {
            Tree::List(items.iter().map(|item| print(item)).collect())
        })
    }

    pub(super) fn text(self, name: &str, field: &Option<Spanned<String>>) -> Self {
        self.field(name, field, text)
    }

    pub(super) fn flag(self, name: &str, field: &Option<Spanned<bool>>) -> Self {
        self.field(name, field, |flag| Tree::Bool(*flag))
    }

    pub(super) fn int(self, name: &str, field: &Option<Spanned<i32>>) -> Self {
        self.field(name, field, |number| Tree::Int((*number).into()))
    }

    pub(super) fn uint(self, name: &str, field: &Option<Spanned<u32>>) -> Self {
        self.field(name, field, uint)
    }

    pub(super) fn double(self, name: &str, field: &Option<Spanned<f64>>) -> Self {
        self.field(name, field, double)
    }

    pub(super) fn duration(self, name: &str, field: &Option<Spanned<GoDuration>>) -> Self {
        self.field(name, field, |duration| Tree::Text(duration.to_string()))
    }

    pub(super) fn labels(self, name: &str, field: &Option<Spanned<Labels>>) -> Self {
        self.field(name, field, |labels| {
            let pair = |(key, value): &(Spanned<String>, Spanned<String>)| {
                (key.value.clone(), text(value))
            };
            Tree::Map(labels.0.iter().map(pair).collect())
        })
    }

    pub(super) fn opaque(self, name: &str, field: &Option<Opaque>) -> Self {
        self.field(name, field, Tree::clone)
    }
}

#[expect(clippy::ptr_arg, reason = "it is what a field holds")]
pub(super) fn text(text: &String) -> Tree {
    Tree::Text(text.clone())
}

pub(super) fn uint(number: &u32) -> Tree {
    Tree::Int((*number).into())
}

/// What JSON cannot write is a text, as istiod reads it.
fn double(number: &f64) -> Tree {
    if number.is_nan() {
        Tree::Text("NaN".to_owned())
    } else if number.is_infinite() {
        let sign = if *number < 0.0 { "-" } else { "" };
        Tree::Text(format!("{sign}Infinity"))
    } else {
        Tree::Float(*number)
    }
}
