//! [`Error`]: what became of a request that was not answered.

use std::sync::Arc;
use std::{error, fmt, io};

use super::destination::Protocol;
use crate::admission::Overflow;
use crate::limits::Destination;

pub(crate) type BoxError = Box<dyn error::Error + Send + Sync>;
/// A cause, shared: a connect that fails fails many requests.
pub(crate) type Cause = Arc<dyn error::Error + Send + Sync>;

/// Why a request has no response, or its response no end.
///
/// Each says where the request was to go, and whether any of it [can have reached the
/// server](Self::may_have_reached_server): if not, to send it again is safe whatever it does. What
/// caused it is its [`source`](error::Error::source). Cheap to clone.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    reached: bool,
    is_of_http1: bool,
    destination: Option<Destination>,
    cause: Option<Cause>,
}

/// What happened. The flags are those of Envoy's access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A limit refused the request at once, or when its connection was there. `UO`.
    Overflow(Overflow),
    /// A connection could not be made: refused, unreachable, no such host, a failed handshake.
    /// `UF`.
    ConnectFailed,
    /// A connection took longer than [`connect_timeout`](crate::Limits::connect_timeout). `UF`.
    ConnectTimedOut,
    /// The request was pending longer than the client's
    /// [`pending_timeout`](super::Builder::pending_timeout). Envoy has no such limit.
    PendingTimeout,
    /// The request was active longer than the client's
    /// [`response_timeout`](super::Builder::response_timeout) without a response. `UT`.
    ResponseTimeout,
    /// The connection ended before the response did. On HTTP/2 that includes a request that still
    /// waited, within the connection, for the server to take more streams. `UC`.
    ConnectionLost,
    /// The server reset the HTTP/2 stream. `UR`.
    Reset,
    /// The server has not looked at the request and never will: an HTTP/2 stream that it refused,
    /// or that came after its GOAWAY. `UR`.
    RefusedStream,
    /// What the server sent is not HTTP, or half a head. An HTTP/1 connection that is lost after an
    /// informational response (`100`, `103`), and before the final one, counts as that: Envoy calls
    /// it `UC`. `UPE`.
    InvalidResponse,
    /// The request's own body failed. The connection could not be kept on HTTP/1.
    RequestBody,
    /// The request cannot be sent: a `CONNECT` with a body, say.
    InvalidRequest,
    /// The request's URI names no host.
    NoHost,
    /// The request's URI has a port that is no number up to 65535.
    InvalidPort,
    /// The request's URI has a scheme other than `http` and `https`, or none.
    UnsupportedScheme,
}

impl Error {
    /// One before anything has left.
    pub(crate) fn before(kind: ErrorKind, destination: &Destination) -> Self {
        Self {
            kind,
            reached: false,
            is_of_http1: false,
            destination: Some(destination.clone()),
            cause: None,
        }
    }

    /// One of a request that names no destination.
    pub(crate) fn nowhere(kind: ErrorKind) -> Self {
        Self {
            kind,
            reached: false,
            is_of_http1: false,
            destination: None,
            cause: None,
        }
    }

    /// One that was sent, and has no response yet.
    pub(crate) fn overdue(destination: &Destination) -> Self {
        Self {
            reached: true,
            ..Self::before(ErrorKind::ResponseTimeout, destination)
        }
    }

    pub(crate) fn because(mut self, cause: Option<Cause>) -> Self {
        self.cause = cause;
        self
    }

    /// Of a request that was given to hyper, and that hyper did not give back.
    pub(crate) fn after(error: hyper::Error, body: Option<Cause>, to: &Destination) -> Self {
        if let Some(cause) = body {
            return Self {
                reached: true,
                ..Self::before(ErrorKind::RequestBody, to)
            }
            .because(Some(cause));
        }
        let kind = kind_of(&error);
        Self {
            reached: !matches!(kind, ErrorKind::RefusedStream | ErrorKind::InvalidRequest),
            ..Self::before(kind, to)
        }
        .because(Some(Arc::new(error)))
    }

    /// The same, of a request that hyper gave back.
    pub(crate) fn which_never_left(mut self) -> Self {
        self.reached = false;
        self
    }

    /// The same, if the connection ended within a response's head: half a head is no HTTP.
    pub(crate) fn within_the_head(mut self) -> Self {
        if self.kind == ErrorKind::ConnectionLost {
            self.kind = ErrorKind::InvalidResponse;
        }
        self
    }

    /// The same, of a request that was active on a connection of this kind.
    pub(crate) fn on(mut self, protocol: Protocol) -> Self {
        self.is_of_http1 = protocol == Protocol::Http1;
        self
    }

    /// Whether the request was active on HTTP/1.
    pub(crate) fn is_of_http1(&self) -> bool {
        self.is_of_http1
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where the request was to go, if it said so.
    pub fn destination(&self) -> Option<&Destination> {
        self.destination.as_ref()
    }

    /// Whether the server can have seen any of the request.
    pub fn may_have_reached_server(&self) -> bool {
        self.reached
    }

    /// The limit that refused it, if one did.
    pub fn overflow(&self) -> Option<Overflow> {
        match self.kind {
            ErrorKind::Overflow(overflow) => Some(overflow),
            _ => None,
        }
    }

    /// Whether it took too long: to connect, pending, or active. Envoy answers 504 to the last
    /// alone: a connect that times out is `UF`, 503.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::ConnectTimedOut | ErrorKind::PendingTimeout | ErrorKind::ResponseTimeout
        )
    }
}

fn kind_of(error: &hyper::Error) -> ErrorKind {
    use error::Error as _;

    if let Some(h2) = source_of::<h2::Error>(error) {
        return if h2.is_remote() && (h2.is_go_away() || is_refusal(h2)) {
            ErrorKind::RefusedStream
        } else if h2.is_remote() {
            ErrorKind::Reset
        } else if h2.is_library() {
            ErrorKind::InvalidResponse
        } else if h2.is_io() || h2.is_reset() || h2.is_go_away() {
            ErrorKind::ConnectionLost
        } else if h2.reason().is_some() {
            // hyper's own: a successful CONNECT whose head says that there is a body.
            ErrorKind::InvalidResponse
        } else {
            ErrorKind::InvalidRequest
        };
    }
    if error.is_parse() || source_of::<io::Error>(error).is_some_and(is_malformed) {
        ErrorKind::InvalidResponse
    } else if error.is_user() && error.source().is_none() {
        // With a source it says that the connection's task is gone: its runtime was shut down.
        ErrorKind::InvalidRequest
    } else {
        ErrorKind::ConnectionLost
    }
}

/// hyper's errors within a chunked body look so.
fn is_malformed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
    )
}

fn is_refusal(error: &h2::Error) -> bool {
    error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM)
}

fn source_of<E: error::Error + 'static>(error: &dyn error::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        match &self.destination {
            Some(destination) => write!(f, ": {destination}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overflow(overflow) => return overflow.fmt(f),
            Self::ConnectFailed => "could not connect",
            Self::ConnectTimedOut => "connecting took too long",
            Self::PendingTimeout => "no connection became free in time",
            Self::ResponseTimeout => "no response in time",
            Self::ConnectionLost => "connection lost",
            Self::Reset => "stream reset by the server",
            Self::RefusedStream => "stream refused by the server",
            Self::InvalidResponse => "server does not speak HTTP",
            Self::RequestBody => "request body failed",
            Self::InvalidRequest => "invalid request",
            Self::NoHost => "URI without a host",
            Self::InvalidPort => "URI with a port that is not one",
            Self::UnsupportedScheme => "URI without a supported scheme",
        }
        .fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind)
            .field("destination", &self.destination)
            .field("may_have_reached_server", &self.reached)
            .field("source", &self.cause)
            .finish()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
