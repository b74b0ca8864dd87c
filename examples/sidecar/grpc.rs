//! What gRPC makes of a reply from here, as Envoy has it.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, StatusCode};

pub(crate) const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");

/// Whether whoever asks speaks gRPC: `application/grpc`, or `application/grpc+…`. What asks for a
/// tunnel has no path, and so no method of a service.
pub(crate) fn is_asked<B>(request: &Request<B>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    let rest = content_type.and_then(|value| value.as_bytes().strip_prefix(MEDIA_TYPE.as_bytes()));
    let is_grpc = rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+')));
    is_grpc && request.method() != Method::CONNECT
}

/// The `grpc-status` that a status of HTTP stands for.
pub(crate) fn status(of: StatusCode) -> HeaderValue {
    HeaderValue::from_static(match of {
        StatusCode::BAD_REQUEST => "13",
        StatusCode::UNAUTHORIZED => "16",
        StatusCode::FORBIDDEN => "7",
        StatusCode::NOT_FOUND => "12",
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => "14",
        _ => "2",
    })
}
