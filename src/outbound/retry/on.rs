//! [`RetryOn`]: what is worth another try.

use std::error;
use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, Response, StatusCode};

use crate::outbound::{Error, ErrorKind};

/// Says that whoever answered is rate limited; a retry would be, too.
const RATELIMITED: HeaderName = HeaderName::from_static("x-envoy-ratelimited");

/// Which outcomes are retried: a set of conditions, with Envoy's names and meanings.
///
/// ```
/// use meshpool::outbound::retry::RetryOn;
///
/// let on = RetryOn::GATEWAY_ERROR | RetryOn::CONNECT_FAILURE;
/// assert_eq!("connect-failure,gateway-error".parse(), Ok(on));
/// assert_eq!(on.to_string(), "gateway-error,connect-failure");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RetryOn(u8);

impl RetryOn {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// `5xx`: a response with a status of 500 to 599, and no response at all, for whatever reason.
    pub const SERVER_ERROR: Self = Self(1);
    /// `gateway-error`: as [`SERVER_ERROR`](Self::SERVER_ERROR), of the statuses only 502, 503 and
    /// 504.
    pub const GATEWAY_ERROR: Self = Self(1 << 1);
    /// `reset`: no response at all, for whatever reason.
    pub const RESET: Self = Self(1 << 2);
    /// `connect-failure`: a connection could not be made, or not in time.
    pub const CONNECT_FAILURE: Self = Self(1 << 3);
    /// `refused-stream`: an HTTP/2 server has not looked at the request.
    pub const REFUSED_STREAM: Self = Self(1 << 4);
    /// `retriable-4xx`: 409.
    pub const RETRIABLE_4XX: Self = Self(1 << 5);

    const NAMES: [(Self, &str); 6] = [
        (Self::SERVER_ERROR, "5xx"),
        (Self::GATEWAY_ERROR, "gateway-error"),
        (Self::RESET, "reset"),
        (Self::CONNECT_FAILURE, "connect-failure"),
        (Self::REFUSED_STREAM, "refused-stream"),
        (Self::RETRIABLE_4XX, "retriable-4xx"),
    ];

    /// Whether any of these conditions is in the set.
    pub const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    pub(super) fn holds<R>(self, result: &Result<Response<R>, Error>) -> bool {
        match result {
            Ok(response) => self.holds_for(response.status(), response.headers()),
            Err(error) => self.has(Self::conditions(error.kind())),
        }
    }

    fn holds_for(self, status: StatusCode, headers: &HeaderMap) -> bool {
        let conditions = match status.as_u16() {
            409 => Self::RETRIABLE_4XX,
            502..=504 => Self::SERVER_ERROR | Self::GATEWAY_ERROR,
            500..=599 => Self::SERVER_ERROR,
            _ => return false,
        };
        self.has(conditions) && !headers.contains_key(RATELIMITED)
    }

    /// Those that an error meets.
    fn conditions(kind: ErrorKind) -> Self {
        let no_response = Self::SERVER_ERROR | Self::GATEWAY_ERROR | Self::RESET;
        match kind {
            ErrorKind::ConnectFailed | ErrorKind::ConnectTimedOut => {
                no_response | Self::CONNECT_FAILURE
            }
            ErrorKind::RefusedStream => no_response | Self::REFUSED_STREAM,
            ErrorKind::ConnectionLost
            | ErrorKind::Reset
            | ErrorKind::ResponseTimeout
            | ErrorKind::InvalidResponse => no_response,
            // Too much load is not to be answered with more, and a request that is wrong is wrong
            // the next time, too.
            ErrorKind::Overflow(_)
            | ErrorKind::PendingTimeout
            | ErrorKind::RequestBody
            | ErrorKind::InvalidRequest
            | ErrorKind::NoHost
            | ErrorKind::InvalidPort
            | ErrorKind::UnsupportedScheme => Self::NOTHING,
        }
    }
}

/// What cannot have reached the server: [`CONNECT_FAILURE`](Self::CONNECT_FAILURE) and
/// [`REFUSED_STREAM`](Self::REFUSED_STREAM).
impl Default for RetryOn {
    fn default() -> Self {
        Self::CONNECT_FAILURE | Self::REFUSED_STREAM
    }
}

/// Both sets together.
impl BitOr for RetryOn {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Envoy's names, separated by commas; none is [`NOTHING`](Self::NOTHING).
impl FromStr for RetryOn {
    type Err = UnknownCondition;

    fn from_str(text: &str) -> Result<Self, UnknownCondition> {
        let names = text.split(',').map(str::trim).filter(|it| !it.is_empty());
        names.into_iter().try_fold(Self::NOTHING, |on, name| {
            let known = Self::NAMES.iter().find(|(_, known)| *known == name);
            match known {
                Some((condition, _)) => Ok(on | *condition),
                None => Err(UnknownCondition(name.to_owned())),
            }
        })
    }
}

/// Envoy's names, separated by commas.
impl fmt::Display for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(it, _)| self.has(*it));
        for (position, (_, name)) in names.enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RetryOn({self})")
    }
}

/// A name that is not of a condition in [`RetryOn`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCondition(String);

impl fmt::Display for UnknownCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown condition `{}`, expected any of ", self.0)?;
        for (position, (_, name)) in RetryOn::NAMES.iter().enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

impl error::Error for UnknownCondition {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Overflow, Resource};

    const ALL: [RetryOn; 6] = [
        RetryOn::SERVER_ERROR,
        RetryOn::GATEWAY_ERROR,
        RetryOn::RESET,
        RetryOn::CONNECT_FAILURE,
        RetryOn::REFUSED_STREAM,
        RetryOn::RETRIABLE_4XX,
    ];

    fn met_by_status(status: u16) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let met = ALL
            .iter()
            .filter(|it| it.holds_for(status, &HeaderMap::new()));
        met.fold(RetryOn::NOTHING, |all, it| all | *it).to_string()
    }

    #[test]
    fn statuses_are_those_that_envoy_retries() {
        for (status, met) in [
            (200, ""),
            (404, ""),
            (409, "retriable-4xx"),
            (499, ""),
            (500, "5xx"),
            (501, "5xx"),
            (502, "5xx,gateway-error"),
            (504, "5xx,gateway-error"),
            (505, "5xx"),
            (599, "5xx"),
        ] {
            assert_eq!(met_by_status(status), met, "{status}");
        }
    }

    #[test]
    fn one_that_is_rate_limited_is_left_alone() {
        let headers = HeaderMap::from_iter([(RATELIMITED, "true".parse().unwrap())]);
        let status = StatusCode::SERVICE_UNAVAILABLE;
        assert!(!RetryOn::SERVER_ERROR.holds_for(status, &headers));
    }

    #[test]
    fn errors_are_those_that_envoy_retries_and_overflow_is_never() {
        let overflow = Overflow {
            resource: Resource::MaxRequests,
            limit: 1,
            active: 1,
            pending: 0,
        };
        for (kind, met) in [
            (
                ErrorKind::ConnectFailed,
                "5xx,gateway-error,reset,connect-failure",
            ),
            (
                ErrorKind::ConnectTimedOut,
                "5xx,gateway-error,reset,connect-failure",
            ),
            (
                ErrorKind::RefusedStream,
                "5xx,gateway-error,reset,refused-stream",
            ),
            (ErrorKind::ConnectionLost, "5xx,gateway-error,reset"),
            (ErrorKind::Reset, "5xx,gateway-error,reset"),
            (ErrorKind::ResponseTimeout, "5xx,gateway-error,reset"),
            (ErrorKind::InvalidResponse, "5xx,gateway-error,reset"),
            (ErrorKind::Overflow(overflow), ""),
            (ErrorKind::PendingTimeout, ""),
            (ErrorKind::RequestBody, ""),
            (ErrorKind::InvalidRequest, ""),
            (ErrorKind::NoHost, ""),
            (ErrorKind::InvalidPort, ""),
            (ErrorKind::UnsupportedScheme, ""),
        ] {
            assert_eq!(RetryOn::conditions(kind).to_string(), met, "{kind:?}");
        }
    }

    #[test]
    fn names_are_read_with_spaces_and_a_wrong_one_is_named() {
        let on = " 5xx , reset,".parse();
        assert_eq!(on, Ok(RetryOn::SERVER_ERROR | RetryOn::RESET));
        assert_eq!("".parse(), Ok(RetryOn::NOTHING));
        assert_eq!(
            "5xx,resets".parse::<RetryOn>().unwrap_err().to_string(),
            "unknown condition `resets`, expected any of 5xx, gateway-error, reset, \
             connect-failure, refused-stream, retriable-4xx"
        );
    }
}
