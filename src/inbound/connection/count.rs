//! [`Count`]: how many requests a connection carried, and whether that is enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use http::header::{CONNECTION, Entry};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};

use super::jitter::{Cut, Jitter};

/// Counts a connection's requests against the pool's limit, as it stands at each moment.
#[derive(Debug)]
pub(crate) struct Count {
    requests: AtomicU64,
    /// The pool's; 0 is unlimited.
    limit: Arc<AtomicU32>,
    cut: Cut,
}

impl Count {
    /// Counts against `limit`, a pool's [`per_connection`](crate::inbound::pool::State).
    pub(crate) fn new(limit: &Arc<AtomicU32>, jitter: Jitter) -> Self {
        Self {
            requests: AtomicU64::new(0),
            limit: limit.clone(),
            cut: jitter.draw(),
        }
    }

    /// Counts a request, and says the how-manieth it is.
    pub(crate) fn add(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn limit(&self) -> u64 {
        match self.limit.load(Ordering::Relaxed) {
            0 => u64::MAX,
            limit => self.cut.requests(limit).into(),
        }
    }

    /// Whether the connection has carried as many requests as it may.
    pub(crate) fn is_reached(&self) -> bool {
        self.requests() >= self.limit()
    }

    /// Whether the connection has carried more requests than it may.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_past(self.requests())
    }

    /// Whether the `nth` request is one too many.
    pub(crate) fn is_past(&self, nth: u64) -> bool {
        nth > self.limit()
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut
    }
}

/// What a response needs to know of its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    version: Version,
    is_connect: bool,
}

impl Reply {
    pub(crate) fn to<B>(request: &Request<B>) -> Self {
        Self {
            version: request.version(),
            is_connect: request.method() == Method::CONNECT,
        }
    }

    /// Whether the response makes a tunnel of the connection or stream.
    pub(crate) fn opens_tunnel<B>(&self, response: &Response<B>) -> bool {
        response.status() == StatusCode::SWITCHING_PROTOCOLS
            || (self.is_connect && response.status().is_success())
    }

    pub(crate) fn is_http1(&self) -> bool {
        self.version <= Version::HTTP_11
    }

    /// Closes an HTTP/1 connection after this response if it has carried as many requests as it
    /// may by now. On HTTP/2 no header does that, and a tunnel is no longer HTTP.
    pub(crate) fn close_if_reached<B>(&self, count: &Count, response: &mut Response<B>) {
        if self.is_http1() && count.is_reached() && !self.opens_tunnel(response) {
            close(response.headers_mut());
        }
    }
}

/// Adds `close` to the connection options; those that contradict it go.
fn close(headers: &mut HeaderMap) {
    let close = HeaderValue::from_static("close");
    match headers.entry(CONNECTION) {
        Entry::Occupied(mut options) if !options.iter().any(says_keep_alive) => {
            options.append(close);
        }
        Entry::Occupied(mut options) => {
            options.insert(close);
        }
        Entry::Vacant(options) => {
            options.insert(close);
        }
    }
}

fn says_keep_alive(value: &HeaderValue) -> bool {
    value.to_str().is_ok_and(|value| {
        value
            .split(',')
            .any(|option| option.trim().eq_ignore_ascii_case("keep-alive"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(options: &[&'static str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for option in options {
            headers.append(CONNECTION, HeaderValue::from_static(option));
        }
        close(&mut headers);
        let values = headers.get_all(CONNECTION).iter();
        values
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn close_joins_other_options_and_replaces_keep_alive() {
        assert_eq!(closed(&[]), ["close"]);
        assert_eq!(closed(&["upgrade"]), ["upgrade", "close"]);
        assert_eq!(closed(&["Keep-Alive"]), ["close"]);
    }

    #[test]
    fn an_upgraded_connection_is_not_told_to_close() {
        let count = Count::new(&Arc::new(AtomicU32::new(1)), Jitter::default());
        count.add();
        let request = Request::new(());
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        Reply::to(&request).close_if_reached(&count, &mut response);
        assert!(response.headers().is_empty());

        *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
        Reply::to(&request).close_if_reached(&count, &mut response);
        assert_eq!(response.headers()[CONNECTION], "close");
    }
}
