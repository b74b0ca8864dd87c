//! What a DestinationRule's numbers mean inbound, under `refuse`.

use std::collections::BTreeMap;

use meshpool::Limits;
use serde::Deserialize;

use crate::observed::Protocol;

/// An Istio `connectionPool`, and in a few scenarios what was put into Envoy past it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(rename = "connectionPool")]
    pool: ConnectionPool,
    envoy_thresholds: Thresholds,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConnectionPool {
    tcp: Tcp,
    http: Http,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Tcp {
    max_connections: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Http {
    #[serde(rename = "http1MaxPendingRequests")]
    pending: u32,
    #[serde(rename = "http2MaxRequests")]
    requests: u32,
    /// A limit on connections, which the layer does not see.
    #[serde(rename = "maxRequestsPerConnection")]
    _requests_per_connection: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Thresholds {
    max_connections: Option<u32>,
    max_requests: Option<u32>,
}

/// The three numbers that bear on requests; `None` is unlimited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    connections: Option<u32>,
    requests: Option<u32>,
    pending: Option<u32>,
}

impl Settings {
    pub(crate) fn numbers(&self, protocol: Protocol) -> Numbers {
        let Http {
            requests, pending, ..
        } = self.pool.http;
        // To Istio 0 is unset. To Envoy it is 0, but for connections, of which it always has one.
        let set = |number: u32| (number > 0).then_some(number);
        let raw = &self.envoy_thresholds;
        let connections = set(self.pool.tcp.max_connections);
        Numbers {
            connections: match protocol {
                Protocol::H1 => raw.max_connections.map(|n| n.max(1)).or(connections),
                Protocol::H2 => None,
            },
            requests: raw.max_requests.or(set(requests)),
            pending: set(pending),
        }
    }
}

impl Numbers {
    /// Changes them as Envoy's runtime keys do.
    pub(crate) fn change(&mut self, keys: &BTreeMap<String, u32>) {
        for (key, value) in keys {
            match key.strip_prefix("circuit_breakers.up.default.") {
                Some("max_requests") => self.requests = Some(*value),
                Some("max_pending_requests") => self.pending = Some(*value),
                _ => panic!("unknown key {key}"),
            }
        }
    }

    /// With M, R, P for connections, requests, pending: slots = min(M, R), and places = P if
    /// M ≤ R, else 0.
    pub(crate) fn limits(self) -> Limits {
        let or_infinite = |number: Option<u32>| number.unwrap_or(u32::MAX);
        let (m, r) = (or_infinite(self.connections), or_infinite(self.requests));
        Limits::new()
            .max_requests(self.connections.into_iter().chain(self.requests).min())
            .max_pending_requests(if m <= r { self.pending } else { Some(0) })
    }
}
