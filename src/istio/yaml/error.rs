//! Why a text cannot be read on.

use std::fmt;

use crate::istio::problem::Position;

/// Why the text cannot be read on.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) at: Position,
    pub(crate) message: String,
}

impl SyntaxError {
    pub(super) fn new(at: Position, message: impl fmt::Display) -> Self {
        Self {
            at,
            message: message.to_string(),
        }
    }
}
