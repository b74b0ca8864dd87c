//! [`Refused`]: the typed error of a request that was not served.

use std::time::Duration;
use std::{error, fmt};

use crate::admission::Overflow;

/// Why a pool did not serve a request. The service never saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// A limit was reached (or the pool is closed).
    Overflow(Overflow),
    /// It waited for a slot until its time was up.
    PendingTimeout(PendingTimeout),
}

/// A request waited for a slot until its time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingTimeout {
    /// How long it was allowed to wait.
    pub after: Duration,
    /// Whether the caller set that limit (`grpc-timeout`), and not the pool.
    pub by_caller: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow(overflow) => overflow.fmt(f),
            Self::PendingTimeout(timeout) => timeout.fmt(f),
        }
    }
}

impl fmt::Display for PendingTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no slot within {:?}", self.after)
    }
}

impl error::Error for PendingTimeout {}

impl error::Error for Refused {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Overflow(overflow) => Some(overflow),
            Self::PendingTimeout(timeout) => Some(timeout),
        }
    }
}

impl From<Overflow> for Refused {
    fn from(overflow: Overflow) -> Self {
        Self::Overflow(overflow)
    }
}

impl From<PendingTimeout> for Refused {
    fn from(timeout: PendingTimeout) -> Self {
        Self::PendingTimeout(timeout)
    }
}
