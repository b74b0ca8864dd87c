//! The path of a field in a document, built on the stack while walking it: it costs nothing until
//! a problem prints it.

use std::fmt;

use super::problem::shorten;

/// A field's path: `spec.exportTo[0]`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'a> {
    Root,
    /// A path that is text already.
    Given(&'a str),
    Field(&'a Path<'a>, &'a str),
    /// A path that is text already, inside another.
    Inside(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(crate) fn given(&'a self, path: &'a str) -> Self {
        Self::Inside(self, path)
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Given(path) => f.write_str(path),
            Self::Field(Self::Root | Self::Given(""), name) => f.write_str(&shorten(name)),
            Self::Inside(Self::Root | Self::Given(""), path) => f.write_str(path),
            Self::Inside(parent, path) => write!(f, "{parent}.{path}"),
            Self::Field(parent, name) => write!(f, "{parent}.{}", shorten(name)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
