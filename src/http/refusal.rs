//! What a refused request is answered: as Envoy answers, prepared once for each change of limits.

use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use super::{Refused, RequestHead};
use crate::Limits;
use crate::admission::Resource;

/// Marks a local refusal, so that callers can tell it from the application's own 503.
const OVERLOADED: HeaderName = HeaderName::from_static("x-envoy-overloaded");
/// Stops an Envoy in front from retrying; the mark above does not.
const RATELIMITED: HeaderName = HeaderName::from_static("x-envoy-ratelimited");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const UNAVAILABLE: &str = "14";
const DEADLINE_EXCEEDED: &str = "4";
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The answers for each reason to refuse. Each is prepared when it is first given: a pool that
/// refuses nothing keeps none.
#[derive(Debug)]
pub(crate) struct Refusals {
    /// What the first two below name.
    limits: Limits,
    retry_after: Option<HeaderValue>,
    max_requests: Answer,
    max_pending_requests: Answer,
    closed: Answer,
    pending_timeout: Answer,
    deadline: Answer,
}

/// What is answered for one reason.
#[derive(Debug, Default)]
struct Answer {
    http: OnceLock<Box<Response<Bytes>>>,
    grpc: OnceLock<Box<Response<Bytes>>>,
}

impl Refusals {
    pub(crate) fn new(limits: &Limits, retry_after: Option<&HeaderValue>) -> Self {
        Self {
            limits: *limits,
            retry_after: retry_after.cloned(),
            max_requests: Answer::default(),
            max_pending_requests: Answer::default(),
            closed: Answer::default(),
            pending_timeout: Answer::default(),
            deadline: Answer::default(),
        }
    }

    /// The answer to a request that was refused.
    pub(crate) fn response(&self, refused: &Refused, request: RequestHead<'_>) -> Response<Bytes> {
        let unprepared;
        let answer = match self.prepared(refused) {
            Some(answer) => answer,
            None => {
                unprepared = Answer::default();
                &unprepared
            }
        };
        let (answer, prepare): (_, fn(_, _) -> _) = match request.is_grpc() {
            true => (&answer.grpc, grpc),
            false => (&answer.http, http),
        };
        let answer = answer.get_or_init(|| Box::new(prepare(refused, self.retry_after.as_ref())));
        let mut response = Response::clone(answer);
        // To HEAD the same headers, and no body; hyper cannot derive the length then.
        if request.method() == Method::HEAD {
            *response.body_mut() = Bytes::new();
        }
        response
    }

    /// `None` if the limits changed between the decision and here.
    fn prepared(&self, refused: &Refused) -> Option<&Answer> {
        let overflow = match refused {
            Refused::Overflow(overflow) => overflow,
            Refused::PendingTimeout(timeout) if timeout.by_caller => return Some(&self.deadline),
            Refused::PendingTimeout(_) => return Some(&self.pending_timeout),
        };
        let (limit, answer) = match overflow.resource {
            Resource::MaxRequests => (self.limits.max_requests, &self.max_requests),
            Resource::MaxPendingRequests => {
                (self.limits.max_pending_requests, &self.max_pending_requests)
            }
            Resource::Closed => return Some(&self.closed),
        };
        (limit == Some(overflow.limit)).then_some(answer)
    }
}

fn http(refused: &Refused, retry_after: Option<&HeaderValue>) -> Response<Bytes> {
    let text = text(refused) + "\n";
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    mark(headers, retry_after);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CONTENT_LENGTH, text.len().into());
    *response.body_mut() = text.into();
    response
}

fn grpc(refused: &Refused, retry_after: Option<&HeaderValue>) -> Response<Bytes> {
    let status = match refused {
        Refused::PendingTimeout(timeout) if timeout.by_caller => DEADLINE_EXCEEDED,
        _ => UNAVAILABLE,
    };
    let message = HeaderValue::try_from(text(refused));
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    mark(headers, retry_after);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static(status));
    headers.insert(GRPC_MESSAGE, message.expect("the texts are plain ASCII"));
    response
}

/// What all refusals say in their headers.
fn mark(common: &mut HeaderMap, retry_after: Option<&HeaderValue>) {
    const TRUE: HeaderValue = HeaderValue::from_static("true");

    common.reserve(6);
    common.insert(OVERLOADED, TRUE);
    common.insert(RATELIMITED, TRUE);
    if let Some(value) = retry_after {
        common.insert(RETRY_AFTER, value.clone());
    }
}

fn text(refused: &Refused) -> String {
    match refused {
        Refused::Overflow(overflow) => match overflow.resource {
            Resource::Closed => "overflow: pool is closed".into(),
            resource => format!("overflow: {resource} limit of {} reached", overflow.limit),
        },
        Refused::PendingTimeout(timeout) if timeout.by_caller => {
            "overflow: no slot before the deadline".into()
        }
        Refused::PendingTimeout(_) => "overflow: no slot within the pending timeout".into(),
    }
}
