//! What a client got.

use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};

use super::connection::BoxError;

/// What became of one request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The user's name.
    User(String),
    /// Refused for overload, by a pool or by an Envoy, and what it said.
    Overflow(String),
    /// Anything else.
    Failure(String),
}

impl Answer {
    pub(crate) fn of(got: Result<Response<Bytes>, BoxError>) -> Self {
        let response = match got {
            Ok(response) => response,
            Err(error) => return Self::Failure(in_full(&*error)),
        };
        let body = String::from_utf8_lossy(response.body())
            .trim_end()
            .to_owned();
        let overloaded = response.headers().contains_key("x-envoy-overloaded");
        match response.status() {
            StatusCode::OK => Self::User(body),
            status if overloaded => Self::Overflow(format!("{} {body}", status.as_u16())),
            status => Self::Failure(format!("{} {body}", status.as_u16())),
        }
    }
}

/// An error with all that caused it.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => f.write_str(name),
            Self::Overflow(why) | Self::Failure(why) => write!(f, "failed: {why}"),
        }
    }
}
