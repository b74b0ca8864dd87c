use std::fmt;

use crate::http::{BoxError, Refused};

/// The error of [`Admit`](super::Admit): refused, or failed inside.
///
/// Becomes a `BoxError` by `into()`, which unwraps it: to
/// [`Overflow`](crate::admission::Overflow), to [`PendingTimeout`](crate::http::PendingTimeout),
/// or to the service's own error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error<E> {
    /// The pool did not admit it.
    Refused(Refused),
    /// The service failed.
    Service(E),
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(f),
            Self::Service(error) => error.fmt(f),
        }
    }
}

impl<E: Into<BoxError>> From<Error<E>> for BoxError {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::Refused(Refused::Overflow(overflow)) => overflow.into(),
            Error::Refused(Refused::PendingTimeout(timeout)) => timeout.into(),
            Error::Service(error) => error.into(),
        }
    }
}
