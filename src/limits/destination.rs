//! [`Destination`]: what limits are chosen for.

use std::fmt;
use std::sync::Arc;

/// Where requests go, as limits are chosen for it and connections kept for it: scheme, host and
/// port.
///
/// Two URIs with the same three are the same destination: the host is compared in lower case, and
/// the port that goes with the scheme is filled in. Cheap to clone.
///
/// ```
/// use meshpool::limits::{Destination, Scheme};
///
/// let user = Destination::new(Scheme::Http, "User.default", 80);
/// assert_eq!(user.host(), "user.default");
/// assert_eq!(user.to_string(), "http://user.default:80");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Destination(Arc<Parts>);

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    scheme: Scheme,
    port: u16,
    host: Box<str>,
}

/// How a destination is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Destination {
    /// A destination. An IPv6 address stands in brackets, as in a URI.
    pub fn new(scheme: Scheme, host: &str, port: u16) -> Self {
        Self(Arc::new(Parts {
            scheme,
            port,
            host: host.to_ascii_lowercase().into(),
        }))
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// Its host, in lower case.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.port
    }
}

impl Scheme {
    /// As it stands in a URI.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that goes without saying.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { scheme, port, host } = &*self.0;
        write!(f, "{}://{host}:{port}", scheme.as_str())
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({self})")
    }
}
