//! [`Target`]: where a URI leads to, looked up without a copy of it.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use http::Uri;
use http::uri;

use crate::limits::{Destination, Scheme};
use crate::outbound::error::ErrorKind;

/// A destination as it stands in a URI, in any case.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    scheme: Scheme,
    host: &'a str,
    port: u16,
}

impl<'a> Target<'a> {
    pub(crate) fn of(uri: &'a Uri) -> Result<Self, ErrorKind> {
        let scheme = match uri.scheme() {
            Some(scheme) if *scheme == uri::Scheme::HTTP => Scheme::Http,
            Some(scheme) if *scheme == uri::Scheme::HTTPS => Scheme::Https,
            Some(_) => return Err(ErrorKind::UnsupportedScheme),
            None if uri.host().is_none() => return Err(ErrorKind::NoHost),
            None => return Err(ErrorKind::UnsupportedScheme),
        };
        let host = match uri.host() {
            Some(host) if !host.is_empty() => host,
            _ => return Err(ErrorKind::NoHost),
        };
        let port = uri.port_u16().unwrap_or(scheme.default_port());
        Ok(Self { scheme, host, port })
    }

    /// That of a destination.
    pub(crate) fn from(destination: &'a Destination) -> Self {
        Self {
            scheme: destination.scheme(),
            host: destination.host(),
            port: destination.port(),
        }
    }

    pub(super) fn to_destination(&self) -> Destination {
        Destination::new(self.scheme, self.host, self.port)
    }
}

/// What a [`Destination`] and a [`Target`] have in common, so that a map of the one finds the
/// other.
pub(super) trait Key {
    fn scheme(&self) -> Scheme;
    fn host(&self) -> &str;
    fn port(&self) -> u16;
}

impl Key for Destination {
    fn scheme(&self) -> Scheme {
        self.scheme()
    }

    fn host(&self) -> &str {
        self.host()
    }

    fn port(&self) -> u16 {
        self.port()
    }
}

impl Key for Target<'_> {
    fn scheme(&self) -> Scheme {
        self.scheme
    }

    fn host(&self) -> &str {
        self.host
    }

    fn port(&self) -> u16 {
        self.port
    }
}

/// A destination as the key of a map that a [`Target`] is looked up in.
pub(super) struct Name(pub(super) Destination);

impl<'a> Borrow<dyn Key + 'a> for Name {
    fn borrow(&self) -> &(dyn Key + 'a) {
        &self.0
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let key: &dyn Key = &self.0;
        key.hash(state);
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Name {}

impl Hash for dyn Key + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scheme().hash(state);
        self.port().hash(state);
        for byte in self.host().bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl PartialEq for dyn Key + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.scheme() == other.scheme()
            && self.port() == other.port()
            && self.host().eq_ignore_ascii_case(other.host())
    }
}

impl Eq for dyn Key + '_ {}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn target(uri: &Uri) -> Target<'_> {
        Target::of(uri).unwrap()
    }

    #[test]
    fn a_target_finds_its_destination_in_any_case_and_with_the_port_left_out() {
        let user = Destination::new(Scheme::Http, "user.default", 80);
        let map = HashMap::from([(Name(user), ())]);
        for uri in [
            "http://user.default/a",
            "http://USER.default:80/b?c",
            "HTTP://someone@user.Default",
        ] {
            let uri = uri.parse().unwrap();
            assert!(map.contains_key(&target(&uri) as &dyn Key), "{uri}");
        }
        for uri in [
            "https://user.default/",
            "http://user.default:8080/",
            "http://user/",
        ] {
            let uri = uri.parse().unwrap();
            assert!(!map.contains_key(&target(&uri) as &dyn Key), "{uri}");
        }
    }

    #[test]
    fn a_uri_that_leads_nowhere_says_why() {
        for (uri, why) in [
            ("/path", ErrorKind::NoHost),
            ("user:80", ErrorKind::UnsupportedScheme),
            ("ftp://user/", ErrorKind::UnsupportedScheme),
        ] {
            let uri = uri.parse().unwrap();
            assert_eq!(Target::of(&uri).unwrap_err(), why, "{uri}");
        }
    }
}
