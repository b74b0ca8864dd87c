//! [`RequestHead`]: a request without its body, borrowed.

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

const GRPC: &[u8] = b"application/grpc";

/// A borrowed view of a request's head, for closures that need not know the body's type.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    #[inline]
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The method.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The URI.
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The version of the protocol.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions.
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }

    /// Whether it is a gRPC request: `content-type` is `application/grpc` or
    /// `application/grpc+…`.
    pub fn is_grpc(&self) -> bool {
        let content_type = self.headers.get(http::header::CONTENT_TYPE);
        content_type
            .and_then(|value| value.as_bytes().split_at_checked(GRPC.len()))
            .is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(GRPC)
                    && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
            })
    }

    /// Whether it asks for its connection or stream to be given another protocol: `CONNECT`, or
    /// HTTP/1.1 with `upgrade` among the options of `connection`.
    pub fn asks_for_upgrade(&self) -> bool {
        self.may_ask_for_upgrade()
            && (self.method == Method::CONNECT || has_upgrade_option(self.headers))
    }

    /// Whether it is worth while to see if it [asks](Self::asks_for_upgrade).
    ///
    /// Up to about sixteen headers, to look at each costs less than to hash the name; and it takes
    /// no call, so that the compiler knows the request untouched, and need not copy it.
    #[inline]
    pub(crate) fn may_ask_for_upgrade(&self) -> bool {
        self.method == Method::CONNECT
            || self
                .headers
                .keys()
                .any(|name| name == http::header::UPGRADE)
    }
}

/// Whether `upgrade` is among the options of `connection`.
fn has_upgrade_option(headers: &HeaderMap) -> bool {
    let options = headers.get_all(http::header::CONNECTION).iter();
    options
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

#[cfg(test)]
mod tests {
    use super::{Request, RequestHead};

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        headers
            .iter()
            .fold(Request::builder(), |request, (name, value)| {
                request.header(*name, *value)
            })
            .body(())
            .unwrap()
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let request = request(&[("content-type", value)]);
            assert_eq!(RequestHead::of(&request).is_grpc(), expected, "{value}");
        }
        assert!(!RequestHead::of(&request(&[])).is_grpc());
    }

    #[test]
    fn an_upgrade_is_asked_for_by_both_headers() {
        let both = request(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ]);
        assert!(RequestHead::of(&both).asks_for_upgrade());
        let one = request(&[("upgrade", "h2c")]);
        assert!(!RequestHead::of(&one).asks_for_upgrade());
    }
}
