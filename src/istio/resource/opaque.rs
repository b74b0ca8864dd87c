//! Blocks that are accepted without a look inside, and kept.

use super::Spanned;

/// A block of which nothing applies to a pool.
pub(crate) type Opaque = Spanned<Tree>;

/// What stands in such a block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}
