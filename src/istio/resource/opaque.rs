//! Blocks that are accepted without a look inside, and kept.

use super::Spanned;

/// A block of which nothing applies to a pool.
pub(crate) type Opaque = Spanned<Tree>;

/// What stands in such a block.
#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

/// An empty block, as a null in a list is to istiod.
impl Default for Tree {
    fn default() -> Self {
        Self::Map(Vec::new())
    }
}

/// Equal if the trees say the same; what is no number is equal to itself here.
impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Int(one), Self::Int(other)) => one == other,
            (Self::Float(one), Self::Float(other)) => same(*one, *other),
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::List(one), Self::List(other)) => one == other,
            (Self::Map(one), Self::Map(other)) => one == other,
            _ => false,
        }
    }
}

/// Whether two numbers are equal, or neither is one.
pub(super) fn same(one: f64, other: f64) -> bool {
    one == other || one.is_nan() && other.is_nan()
}
