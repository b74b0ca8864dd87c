//! What a refused request is answered: as Envoy answers, prepared once for each change of limits.

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

/// The answers for each reason to refuse.
#[derive(Debug)]
pub(crate) struct Refusals {
    /// What the two answers below name.
    limits: Limits,
    max_requests: Answer,
    max_pending_requests: Answer,
    closed: Answer,
    pending_timeout: Answer,
    deadline: Answer,
    retry_after: Option<HeaderValue>,
}

#[derive(Debug)]
struct Answer {
    http: HeaderMap,
    body: Bytes,
    grpc: HeaderMap,
}

impl Refusals {
    pub(crate) fn new(limits: &Limits, retry_after: Option<&HeaderValue>) -> Self {
        let answer = |text: String| Answer::new(text, UNAVAILABLE, retry_after);
        let limit = |resource, limit: Option<u32>| answer(reached(resource, limit.unwrap_or(0)));
        let deadline = "overflow: no slot before the deadline\n".into();
        Self {
            limits: *limits,
            max_requests: limit(Resource::MaxRequests, limits.max_requests),
            max_pending_requests: limit(Resource::MaxPendingRequests, limits.max_pending_requests),
            closed: answer("overflow: pool is closed\n".into()),
            pending_timeout: answer("overflow: no slot within the pending timeout\n".into()),
            deadline: Answer::new(deadline, DEADLINE_EXCEEDED, retry_after),
            retry_after: retry_after.cloned(),
        }
    }

    /// The answer to a request that was refused.
    pub(crate) fn response(&self, refused: &Refused, request: RequestHead<'_>) -> Response<Bytes> {
        match refused {
            Refused::Overflow(overflow) => {
                let (prepared, answer) = match overflow.resource {
                    Resource::MaxRequests => (self.limits.max_requests, &self.max_requests),
                    Resource::MaxPendingRequests => {
                        (self.limits.max_pending_requests, &self.max_pending_requests)
                    }
                    Resource::Closed => return self.closed.to(request),
                };
                if prepared == Some(overflow.limit) {
                    return answer.to(request);
                }
                // The limits changed between the decision and here.
                let text = reached(overflow.resource, overflow.limit);
                Answer::new(text, UNAVAILABLE, self.retry_after.as_ref()).to(request)
            }
            Refused::PendingTimeout(timeout) if timeout.by_caller => self.deadline.to(request),
            Refused::PendingTimeout(_) => self.pending_timeout.to(request),
        }
    }
}

fn reached(resource: Resource, limit: u32) -> String {
    format!("overflow: {resource} limit of {limit} reached\n")
}

impl Answer {
    fn new(text: String, grpc_status: &'static str, retry_after: Option<&HeaderValue>) -> Self {
        const TRUE: HeaderValue = HeaderValue::from_static("true");

        let mut common = HeaderMap::with_capacity(8);
        common.insert(OVERLOADED, TRUE);
        common.insert(RATELIMITED, TRUE);
        if let Some(value) = retry_after {
            common.insert(RETRY_AFTER, value.clone());
        }

        let mut http = common.clone();
        http.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        http.insert(CONTENT_LENGTH, text.len().into());

        let mut grpc = common;
        grpc.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        grpc.insert(GRPC_STATUS, HeaderValue::from_static(grpc_status));
        let message = HeaderValue::from_str(text.trim_end());
        grpc.insert(
            GRPC_MESSAGE,
            message.expect("the texts above are plain ASCII"),
        );

        Self {
            http,
            body: text.into(),
            grpc,
        }
    }

    fn to(&self, request: RequestHead<'_>) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        if request.is_grpc() {
            *response.headers_mut() = self.grpc.clone();
            return response;
        }
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        *response.headers_mut() = self.http.clone();
        // To HEAD the same headers, and no body; hyper cannot derive the length then.
        if request.method() != Method::HEAD {
            *response.body_mut() = self.body.clone();
        }
        response
    }
}
