//! [`Fault`]: why a request's body has no end.

use std::error::Error;
use std::{fmt, io};

/// What is to be said of a client whose body breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has left: the connection is closed, or the stream reset.
    Left,
    /// What it sends is no HTTP/1, which it can be told.
    Malformed,
    /// What it sends is no HTTP/2, which it has been told.
    MalformedStream,
}

impl Fault {
    /// Of an error of the client's body, or of one that comes of that.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut error = Some(error);
        while let Some(cause) = error {
            if let Some(&fault) = cause.downcast_ref::<Self>() {
                return fault;
            }
            if is_malformed(cause) {
                return Self::Malformed;
            }
            if is_malformed_stream(cause) {
                return Self::MalformedStream;
            }
            error = cause.source();
        }
        Self::Left
    }

    /// Envoy's response flag. Envoy tells a stream that is reset from a connection that is closed,
    /// and calls that `DR`; hyper may not say which it was.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Left => "DC",
            Self::Malformed | Self::MalformedStream => "DPE",
        }
    }
}

/// hyper's word on a chunk that is not as it has to be.
fn is_malformed(error: &(dyn Error + 'static)) -> bool {
    let kind = error.downcast_ref().map(io::Error::kind);
    matches!(
        kind,
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
    )
}

/// h2 has ended the stream, or the connection, and not the client.
fn is_malformed_stream(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<h2::Error>()
        .is_some_and(h2::Error::is_library)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Left => "the client has left",
            Self::Malformed | Self::MalformedStream => "the client's body is malformed",
        })
    }
}

impl Error for Fault {}
