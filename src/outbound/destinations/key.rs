//! [`Target`]: where a URI leads to, looked up without a copy of it.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

use http::Uri;
use http::uri::{self, Authority};

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
        let authority = uri.authority();
        let scheme = match uri.scheme() {
            Some(scheme) if *scheme == uri::Scheme::HTTP => Scheme::Http,
            Some(scheme) if *scheme == uri::Scheme::HTTPS => Scheme::Https,
            Some(_) => return Err(ErrorKind::UnsupportedScheme),
            None if authority.is_none() => return Err(ErrorKind::NoHost),
            None => return Err(ErrorKind::UnsupportedScheme),
        };
        let (host, port) = authority.map_or(("", ""), |it| split(without_user(it)));
        if host.is_empty() {
            return Err(ErrorKind::NoHost);
        }
        let port = match port {
            "" => scheme.default_port(),
            port => port.parse().map_err(|_| ErrorKind::InvalidPort)?,
        };
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

    pub(in crate::outbound) fn to_destination(&self) -> Destination {
        Destination::new(self.scheme, self.host, self.port)
    }
}

/// An authority's host, and the port if it says one.
pub(in crate::outbound) fn without_user(authority: &Authority) -> &str {
    let authority = authority.as_str();
    match authority.bytes().rposition(|byte| byte == b'@') {
        Some(at) => &authority[at + 1..],
        None => authority,
    }
}

/// The host, which for IPv6 is in brackets, and what is said of the port, if anything. What
/// [`Authority`] says itself, for a fraction of the time: each request asks.
pub(in crate::outbound) fn split(host_and_port: &str) -> (&str, &str) {
    let mut bytes = host_and_port.bytes();
    let end = match host_and_port.starts_with('[') {
        true => bytes.position(|byte| byte == b']').map(|at| at + 1),
        false => bytes.position(|byte| byte == b':'),
    };
    let (host, rest) = host_and_port.split_at(end.unwrap_or(host_and_port.len()));
    (host, rest.strip_prefix(':').unwrap_or_default())
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
        // In pieces: a byte alone takes a hasher as long as eight.
        let mut lower = [0; 32];
        for piece in self.host().as_bytes().chunks(lower.len()) {
            let lower = &mut lower[..piece.len()];
            lower.copy_from_slice(piece);
            lower.make_ascii_lowercase();
            state.write(lower);
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
            "http://user.default:/",
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
    fn a_long_host_is_found_as_well() {
        let host = "a-host.with-a-long-name.in.some-namespace.svc.cluster.local";
        let map = HashMap::from([(Name(Destination::new(Scheme::Http, host, 80)), ())]);
        for (host, is_found) in [
            (host.to_owned(), true),
            (host.to_uppercase(), true),
            (host.replace("local", "loca1"), false),
        ] {
            let uri = format!("http://{host}").parse().unwrap();
            assert_eq!(
                map.contains_key(&target(&uri) as &dyn Key),
                is_found,
                "{uri}"
            );
        }
    }

    #[test]
    fn an_authority_is_split_as_it_splits_itself() {
        for authority in [
            "user",
            "user:80",
            "user:",
            "user:080",
            "user:99999",
            "me@user",
            "me:80@user",
            "me:80@user:81",
            "[::1]",
            "[::1]:80",
            "me@[::1]:81",
            "10.0.0.1:65535",
        ] {
            let authority: Authority = authority.parse().unwrap();
            let (host, port) = split(without_user(&authority));
            assert_eq!(
                (host, port.parse().ok()),
                (authority.host(), authority.port_u16()),
                "{authority}"
            );
        }
    }

    #[test]
    fn a_uri_that_leads_nowhere_says_why() {
        for (uri, why) in [
            ("/path", ErrorKind::NoHost),
            ("user:80", ErrorKind::UnsupportedScheme),
            ("ftp://user/", ErrorKind::UnsupportedScheme),
            ("http://user:65536/", ErrorKind::InvalidPort),
            ("http://[::1]:99999/", ErrorKind::InvalidPort),
        ] {
            let uri = uri.parse().unwrap();
            assert_eq!(Target::of(&uri).unwrap_err(), why, "{uri}");
        }
    }
}
