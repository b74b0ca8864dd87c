//! [`Protocol`]: what a port speaks.

/// What a service speaks. It decides whether `maxConnections` limits the requests that are served,
/// and which settings of HTTP/2 have an effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1: a connection carries one request at a time, so `maxConnections` limits requests.
    /// The default.
    #[default]
    Http,
    /// HTTP/2: a connection carries many requests, so `maxConnections` limits none.
    Http2,
    /// gRPC or gRPC-Web, over HTTP/2.
    Grpc,
    /// Anything else that Istio takes for bytes: TCP, TLS and HTTPS, databases.
    Tcp,
    /// Not said: Istio looks at what clients speak, which may be HTTP/1 and HTTP/2 on the same
    /// port. `maxConnections` limits the requests that are served, as of HTTP/1.
    Auto,
}

impl Protocol {
    /// The protocol of this name, as Istio reads `appProtocol` and the names of ports: `HTTP`,
    /// `HTTP2`, `GRPC`, `TCP`, `HTTPS` …, in capitals or not. Any other name is [`Auto`].
    ///
    /// ```
    /// use meshpool::istio::Protocol;
    ///
    /// assert_eq!(Protocol::named("grpc-web"), Protocol::Grpc);
    /// assert_eq!(Protocol::named("HTTPS"), Protocol::Tcp);
    /// assert_eq!(Protocol::named("web"), Protocol::Auto);
    /// ```
    ///
    /// [`Auto`]: Self::Auto
    pub fn named(name: &str) -> Self {
        const NAMES: [(&str, Protocol); 12] = [
            ("http", Protocol::Http),
            ("http_proxy", Protocol::Http),
            ("http2", Protocol::Http2),
            ("grpc", Protocol::Grpc),
            ("grpc-web", Protocol::Grpc),
            ("tcp", Protocol::Tcp),
            ("udp", Protocol::Tcp),
            ("https", Protocol::Tcp),
            ("tls", Protocol::Tcp),
            ("mongo", Protocol::Tcp),
            ("redis", Protocol::Tcp),
            ("mysql", Protocol::Tcp),
        ];
        let found = NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(Self::Auto, |(_, protocol)| *protocol)
    }

    /// Whether a connection carries many requests at once.
    pub(in crate::istio) fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Grpc)
    }

    /// Whether it is said to be HTTP.
    pub(in crate::istio) fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::Grpc)
    }
}
