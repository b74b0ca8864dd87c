//! [`Head`]: how a request's URI and `host` look on each kind of connection.

use http::header::{HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};

use crate::outbound::destination::Protocol;
use crate::outbound::destinations::{split, without_user};

/// Where a request goes, kept apart from it: a request that is handed back may be sent on a
/// connection of another kind.
#[derive(Debug)]
pub(super) struct Head {
    uri: Uri,
    /// As the caller set it.
    host: Option<HeaderValue>,
}

impl Head {
    /// Takes the URI and `host` out of a request.
    pub(super) fn take_from<B>(request: &mut Request<B>) -> Self {
        Self {
            uri: std::mem::take(request.uri_mut()),
            host: request.headers_mut().remove(HOST),
        }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Makes a request ready for a connection: for HTTP/1 with a path and `host`, for HTTP/2 with
    /// the whole URI. A `host` that the caller set is what the server gets as the authority. A
    /// `CONNECT` has the host and the port, and nothing else, on either.
    pub(super) fn put_into<B>(
        &self,
        request: &mut Request<B>,
        protocol: Protocol,
        is_proxied: bool,
    ) {
        match protocol {
            Protocol::Http2 => {
                request.headers_mut().remove(HOST);
                *request.uri_mut() = match is_tunnel(request) {
                    true => self.authority_form(),
                    false => self.absolute(),
                };
            }
            Protocol::Http1 => {
                // hyper panics at versions that it does not know, in the connection's task.
                if request.version() != Version::HTTP_10 {
                    *request.version_mut() = Version::HTTP_11;
                }
                *request.uri_mut() = match (request.method(), is_proxied) {
                    (&Method::CONNECT, _) => self.authority_form(),
                    (_, true) => self.absolute(),
                    (_, false) => self.origin_form(),
                };
                if let Some(host) = self.host() {
                    request.headers_mut().insert(HOST, host);
                }
            }
        }
    }

    fn origin_form(&self) -> Uri {
        let path = self.uri.path_and_query();
        Uri::from(path.cloned().unwrap_or(PathAndQuery::from_static("/")))
    }

    fn authority_form(&self) -> Uri {
        let (host, port) = (self.uri.host(), self.port());
        let authority = host.and_then(|host| format!("{host}:{port}").parse::<Authority>().ok());
        authority.map_or_else(|| self.uri.clone(), Uri::from)
    }

    fn absolute(&self) -> Uri {
        let wanted = match &self.host {
            Some(host) => host.to_str().ok(),
            None => self.authority(),
        };
        let there = self.uri.authority().map(Authority::as_str);
        // As a rule; the rest takes longer than all else that is done for a head.
        if wanted.is_none() || wanted == there {
            return self.uri.clone();
        }
        let mut parts = self.uri.clone().into_parts();
        if let Some(authority) = wanted.and_then(|it| it.parse().ok()) {
            parts.authority = Some(authority);
        }
        Uri::from_parts(parts).unwrap_or_else(|_| self.uri.clone())
    }

    /// The caller's, or else the URI's.
    fn host(&self) -> Option<HeaderValue> {
        match &self.host {
            Some(host) => Some(host.clone()),
            None => HeaderValue::from_str(self.authority()?).ok(),
        }
    }

    /// The URI's, without what goes without saying.
    fn authority(&self) -> Option<&str> {
        let authority = without_user(self.uri.authority()?);
        Some(match split(authority) {
            (_, port) if port.parse().is_ok_and(|it: u16| it != self.default_port()) => authority,
            (host, _) => host,
        })
    }

    fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(self.default_port())
    }

    fn default_port(&self) -> u16 {
        match self.uri.scheme() == Some(&Scheme::HTTPS) {
            true => 443,
            false => 80,
        }
    }
}

/// Whether it is a `CONNECT`, and not one that begins another protocol on a stream of HTTP/2
/// (RFC 8441).
fn is_tunnel<B>(request: &Request<B>) -> bool {
    request.method() == Method::CONNECT
        && request.extensions().get::<hyper::ext::Protocol>().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(uri: &str, host: Option<&str>, method: Method, protocol: Protocol) -> (String, String) {
        let mut request = Request::builder().uri(uri).method(method);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let mut request = request.body(()).unwrap();
        let head = Head::take_from(&mut request);
        // What was made for one kind must not be left over in the other.
        head.put_into(&mut request, Protocol::Http1, false);
        head.put_into(&mut request, Protocol::Http2, false);
        head.put_into(&mut request, protocol, false);
        let host = request.headers().get(HOST).map(|it| it.to_str().unwrap());
        (request.uri().to_string(), host.unwrap_or_default().into())
    }

    #[test]
    fn http1_gets_the_path_and_a_host() {
        let get = |uri, host| sent(uri, host, Method::GET, Protocol::Http1);
        assert_eq!(get("http://user/a?b", None), ("/a?b".into(), "user".into()));
        assert_eq!(get("http://user:80", None), ("/".into(), "user".into()));
        assert_eq!(
            get("http://user:8080/", None),
            ("/".into(), "user:8080".into())
        );
        assert_eq!(
            get("https://me@user:443/", None),
            ("/".into(), "user".into())
        );
        assert_eq!(
            get("http://user/", Some("other")),
            ("/".into(), "other".into())
        );
    }

    #[test]
    fn http2_gets_the_whole_uri_and_no_host() {
        let get = |uri, host| sent(uri, host, Method::GET, Protocol::Http2);
        let of = |uri: &str| (uri.to_owned(), String::new());
        assert_eq!(get("http://user/a?b", None), of("http://user/a?b"));
        assert_eq!(get("http://me@user:8080", None), of("http://user:8080/"));
        assert_eq!(get("https://user/a", Some("other")), of("https://other/a"));
    }

    #[test]
    fn connect_names_host_and_port() {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            for (uri, expected) in [
                ("http://user/", "user:80"),
                ("https://user/a", "user:443"),
                ("http://[::1]:81/", "[::1]:81"),
            ] {
                let (uri, _) = sent(uri, None, Method::CONNECT, protocol);
                assert_eq!(uri, expected, "{protocol:?}");
            }
        }
    }

    #[test]
    fn a_connect_that_begins_another_protocol_has_the_whole_uri() {
        let mut request = Request::connect("http://user/chat").body(()).unwrap();
        let websocket = hyper::ext::Protocol::from_static("websocket");
        request.extensions_mut().insert(websocket);
        let head = Head::take_from(&mut request);
        head.put_into(&mut request, Protocol::Http2, false);
        assert_eq!(request.uri(), "http://user/chat");
    }
}
