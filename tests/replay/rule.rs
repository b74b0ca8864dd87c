//! From a scenario's settings to limits: through the rule reader, under `refuse`.

use std::collections::BTreeMap;

use meshpool::Limits;
use meshpool::istio::{OnFull, RuleFile};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::observed::Protocol;

/// An Istio `connectionPool`, and in a few scenarios what was put into Envoy past it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(rename = "connectionPool")]
    pool: Value,
    envoy_thresholds: Thresholds,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Thresholds {
    max_connections: Option<u32>,
    max_requests: Option<u32>,
}

impl Settings {
    /// Changes a limit as one of Envoy's runtime keys does.
    pub(crate) fn change(&mut self, keys: &BTreeMap<String, u32>) {
        for (key, value) in keys {
            let field = match key.strip_prefix("circuit_breakers.up.default.") {
                Some("max_requests") => "http2MaxRequests",
                Some("max_pending_requests") => "http1MaxPendingRequests",
                _ => panic!("unknown key {key}"),
            };
            self.pool["http"][field] = json!(value);
        }
    }

    /// What a DestinationRule with this pool means inbound.
    pub(crate) fn limits(&self, protocol: Protocol) -> Limits {
        let mut pool = self.pool.clone();
        // No rule can say 0, which is unset in Istio. In Envoy it admits nothing, but for
        // connections, of which it always has one.
        if let Some(connections) = self.envoy_thresholds.max_connections {
            pool["tcp"]["maxConnections"] = json!(connections.max(1));
        }
        if let Some(requests) = self.envoy_thresholds.max_requests {
            assert_eq!(requests, 0, "anything else is for a rule to say");
            return Limits::new().max_requests(0).max_pending_requests(0);
        }
        if pool.as_object().is_none_or(serde_json::Map::is_empty) {
            return Limits::new(); // no rule
        }
        let rule = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": { "name": "up" },
            "spec": { "host": "up", "trafficPolicy": { "connectionPool": pool } },
        });
        let file = RuleFile::new("up.json")
            .protocol(protocol.into())
            .on_full(OnFull::Refuse);
        file.parse(rule.to_string().as_bytes()).unwrap().limits()
    }
}
