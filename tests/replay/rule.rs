//! From a scenario's settings to limits: through the rule reader, under `refuse`.

use meshpool::Limits;
use meshpool::istio::{OnFull, Protocol, RuleFile};
use serde_json::json;

use crate::scenario::{self, ConnectionPool, Scenario, Settings};

/// What is spoken to the service.
pub(crate) fn protocol(scenario: &Scenario) -> Protocol {
    match scenario.protocol {
        scenario::Protocol::H1 => Protocol::Http,
        scenario::Protocol::H2 => Protocol::Http2,
    }
}

impl Settings {
    /// What a DestinationRule with these means inbound.
    pub(crate) fn limits(&self, protocol: Protocol) -> Limits {
        let mut pool = self.connection_pool.clone().unwrap_or_default();
        let raw = self.envoy_thresholds.clone().unwrap_or_default();
        // No rule can say 0, which is unset in Istio. In Envoy it admits nothing, but for
        // connections, of which it always has one.
        if let Some(connections) = raw.max_connections {
            pool.tcp.max_connections = Some(connections.max(1));
        }
        if let Some(requests) = raw.max_requests {
            assert_eq!(requests, 0, "anything else is for a rule to say");
            return Limits::new().max_requests(0).max_pending_requests(0);
        }
        if pool == ConnectionPool::default() {
            return Limits::new(); // no rule
        }
        let rule = json!({
            "apiVersion": "networking.istio.io/v1",
            "kind": "DestinationRule",
            "metadata": { "name": "up" },
            "spec": { "host": "up", "trafficPolicy": { "connectionPool": pool } },
        });
        let file = RuleFile::new("up.json")
            .protocol(protocol)
            .on_full(OnFull::Refuse);
        file.parse(rule.to_string().as_bytes()).unwrap().limits()
    }
}
