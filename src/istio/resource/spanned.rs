//! A value and its place.

use std::ops::Deref;

use crate::istio::problem::Position;

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) at: Position,
}

/// The value is what matters; the place is for messages.
impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Equal if the values are, wherever they stand.
impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// Names with texts, in the order of the file: labels, annotations.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Labels(pub(crate) Vec<(Spanned<String>, Spanned<String>)>);

impl Labels {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}
