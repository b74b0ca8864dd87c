//! What is between two neighbours only, and not forwarded.

use http::HeaderMap;
use http::header::{CONNECTION, EXPECT, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes the hop-by-hop headers out of a request's or a response's: those that are so by
/// definition, and those that `connection` names. That trailers are understood is passed on, as
/// gRPC wants to know it all the way.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let takes_trailers = headers.contains_key(TE) && takes_trailers(headers);
    if headers.contains_key(CONNECTION) {
        for name in named(headers) {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Takes out what this proxy has seen to itself: it says `100 Continue` when it reads the body,
/// which is at once.
pub(crate) fn remove_expectation(headers: &mut HeaderMap) {
    headers.remove(EXPECT);
}

fn takes_trailers(headers: &HeaderMap) -> bool {
    options(headers, &TE).any(|it| it.eq_ignore_ascii_case("trailers"))
}

/// The headers that `connection` names.
fn named(headers: &HeaderMap) -> Vec<HeaderName> {
    let options = options(headers, &CONNECTION);
    // `close` and `keep-alive` are no headers, but may as well go.
    options.filter_map(|it| it.parse().ok()).collect()
}

fn options<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}
