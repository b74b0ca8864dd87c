//! What is answered from here, as Envoy answers it: what became of a request that the upstream did
//! not answer.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use meshpool::outbound::{Error, ErrorKind};

use crate::grpc;

const OVERLOADED: HeaderName = HeaderName::from_static("x-envoy-overloaded");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Why there is no response of the upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// Envoy's response flag.
    pub(crate) flag: &'static str,
    text: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Empty,
    Plain(&'static str),
    /// The reason, as Envoy calls it, why what was tried came to nothing.
    Reset(&'static str),
}

impl Failure {
    /// The request as a whole took too long.
    pub(crate) const TIMEOUT: Self = Self {
        status: StatusCode::GATEWAY_TIMEOUT,
        flag: "UT",
        text: Text::Plain("upstream request timeout"),
    };
    /// There is nowhere to go for it.
    pub(crate) const NO_ROUTE: Self = Self {
        status: StatusCode::NOT_FOUND,
        flag: "NR",
        text: Text::Empty,
    };
    /// What the upstream says is not HTTP.
    pub(crate) const NO_HTTP: Self = Self {
        status: StatusCode::BAD_GATEWAY,
        flag: "UPE",
        text: Text::Reset("protocol error"),
    };
    /// What the client says is not HTTP.
    pub(crate) const BAD_REQUEST: Self = Self {
        status: StatusCode::BAD_REQUEST,
        flag: "DPE",
        text: Text::Plain("Bad Request"),
    };

    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Overflow(_) => Self::reset("UO", "overflow"),
            ErrorKind::ConnectFailed => Self::reset("UF", "remote connection failure"),
            ErrorKind::ConnectTimedOut => Self::reset("UF", "connection timeout"),
            ErrorKind::ConnectionLost => Self::reset("UC", "connection termination"),
            ErrorKind::Reset => Self::reset("UR", "remote reset"),
            ErrorKind::RefusedStream => Self::reset("UR", "remote refused stream reset"),
            ErrorKind::InvalidResponse => Self::NO_HTTP,
            ErrorKind::PendingTimeout | ErrorKind::ResponseTimeout => Self::TIMEOUT,
            ErrorKind::RequestBody | ErrorKind::InvalidRequest => Self::BAD_REQUEST,
            // Those of a URI, which is always the upstream's here, and those that are yet to be
            // thought of.
            _ => Self::reset("LR", "local reset"),
        }
    }

    const fn reset(flag: &'static str, reason: &'static str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            flag,
            text: Text::Reset(reason),
        }
    }

    /// Whether it is the client's own doing, and says nothing of the upstream.
    pub(crate) fn is_by_client(self) -> bool {
        self == Self::BAD_REQUEST || self == Self::NO_ROUTE
    }

    fn is_overflow(self) -> bool {
        self.flag == "UO"
    }

    fn text(self, was_retried: bool) -> Bytes {
        let reason = match self.text {
            Text::Empty => return Bytes::new(),
            Text::Plain(text) => return Bytes::from_static(text.as_bytes()),
            Text::Reset(reason) => reason,
        };
        let retried = if was_retried {
            "retried and the latest "
        } else {
            ""
        };
        let text = format!(
            "upstream connect error or disconnect/reset before headers. {retried}reset reason: \
             {reason}"
        );
        text.into()
    }

    /// The response to one who asked like this.
    pub(crate) fn response(self, asker: Asker, was_retried: bool) -> Response<Bytes> {
        let text = self.text(was_retried);
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        if self.is_overflow() {
            headers.insert(OVERLOADED, HeaderValue::from_static("true"));
        }
        if asker.is_grpc {
            headers.insert(CONTENT_TYPE, grpc::MEDIA_TYPE);
            headers.insert(GRPC_STATUS, grpc::status(self.status));
            // As of a body, so of what stands for it.
            if !asker.is_head {
                let message = HeaderValue::from_maybe_shared(text);
                headers.insert(GRPC_MESSAGE, message.expect("plain ASCII"));
            }
            return response;
        }
        headers.insert(CONTENT_LENGTH, text.len().into());
        if !text.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        *response.status_mut() = self.status;
        if !asker.is_head {
            *response.body_mut() = text;
        }
        response
    }
}

/// What a response from here depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    is_grpc: bool,
    is_head: bool,
}

impl Asker {
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        Self {
            is_grpc: grpc::is_asked(request),
            is_head: request.method() == Method::HEAD,
        }
    }
}
