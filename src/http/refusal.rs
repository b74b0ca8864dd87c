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
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The answers for each reason to refuse.
#[derive(Debug)]
pub(crate) struct Refusals {
    max_requests: Answer,
    max_pending_requests: Answer,
    closed: Answer,
    pending_timeout: Answer,
    deadline: Answer,
}

#[derive(Debug)]
struct Answer {
    http: HeaderMap,
    body: Bytes,
    grpc: HeaderMap,
}

impl Refusals {
    pub(crate) fn new(limits: &Limits, retry_after: Option<&HeaderValue>) -> Self {
        let answer = |text: String| Answer::new(text, "14", retry_after);
        let limit = |limit: Option<u32>| limit.map_or("unlimited".into(), |n| n.to_string());
        Self {
            max_requests: answer(format!(
                "overflow: max_requests limit of {} reached\n",
                limit(limits.max_requests)
            )),
            max_pending_requests: answer(format!(
                "overflow: max_pending_requests limit of {} reached\n",
                limit(limits.max_pending_requests)
            )),
            closed: answer("overflow: pool is closed\n".into()),
            pending_timeout: answer("overflow: no slot within the pending timeout\n".into()),
            deadline: Answer::new(
                "overflow: no slot before the deadline\n".into(),
                "4",
                retry_after,
            ),
        }
    }

    /// The answer to a request that was refused.
    pub(crate) fn response(&self, refused: &Refused, request: RequestHead<'_>) -> Response<Bytes> {
        let answer = match refused {
            Refused::Overflow(overflow) => match overflow.resource {
                Resource::MaxRequests => &self.max_requests,
                Resource::MaxPendingRequests => &self.max_pending_requests,
                Resource::Closed => &self.closed,
            },
            Refused::PendingTimeout(timeout) if timeout.by_caller => &self.deadline,
            Refused::PendingTimeout(_) => &self.pending_timeout,
        };
        let mut response = Response::new(Bytes::new());
        if request.is_grpc() {
            *response.headers_mut() = answer.grpc.clone();
            return response;
        }
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        *response.headers_mut() = answer.http.clone();
        // To HEAD the same headers, and no body; hyper cannot derive the length then.
        if request.method() != Method::HEAD {
            *response.body_mut() = answer.body.clone();
        }
        response
    }
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
}
