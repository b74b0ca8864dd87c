//! Envoy's configuration for a scenario: what Istio makes of a DestinationRule.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::scenario::{ConnectionPool, Protocol, RetryBudget, Route, Scenario, Settings};

/// Istio's value for a limit that is not set.
const UNLIMITED: u32 = u32::MAX;
/// Istio's connect timeout.
const CONNECT_TIMEOUT: &str = "10s";
/// Istio's retry budget, where a rule asks for one and says no more.
const BUDGET: (f64, u32) = (20.0, 3);

pub(super) fn bootstrap(scenario: &Scenario, clusters: &Path, access_log: &Path) -> Value {
    json!({
        "node": { "id": "conformance", "cluster": "conformance" },
        "admin": { "address": loopback(0) },
        "dynamic_resources": { "cds_config": { "path_config_source": { "path": clusters } } },
        "layered_runtime": { "layers": [{ "name": "admin", "admin_layer": {} }] },
        "stats_config": { "stats_matcher": { "inclusion_list": { "patterns": [
            { "prefix": "cluster.up." },
            { "prefix": "cluster_manager.cds." },
        ] } } },
        "static_resources": { "listeners": [{
            "name": "in",
            "address": loopback(0),
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": http_connection_manager(&scenario.route, access_log),
            }] }],
        }] },
    })
}

fn http_connection_manager(route: &Route, access_log: &Path) -> Value {
    let mut action = json!({ "cluster": "up" });
    if let Some(timeout) = &route.route_timeout {
        action["timeout"] = json!(timeout);
    }
    if let Some(policy) = &route.retry_policy {
        action["retry_policy"] = json!(policy);
    }
    let mut high = action.clone();
    high["priority"] = json!("HIGH");
    json!({
        "@type": type_of("extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "in",
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": type_of("extensions.access_loggers.file.v3.FileAccessLog"),
                "path": access_log,
                "log_format": { "text_format_source": {
                    "inline_string": "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\n",
                } },
            },
        }],
        "route_config": {
            // The cluster comes later, and may go.
            "validate_clusters": false,
            "virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [
                    { "match": { "prefix": "/high" }, "route": high },
                    { "match": { "prefix": "/" }, "route": action },
                ],
            }],
        },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": type_of("extensions.filters.http.router.v3.Router") },
        }],
    })
}

/// The file that brings the cluster, or says that there is none any more.
pub(super) fn clusters(
    scenario: &Scenario,
    settings: Option<&Settings>,
    upstream: SocketAddr,
) -> Value {
    let cluster = settings.map(|settings| cluster(scenario, settings, upstream));
    json!({ "resources": cluster.into_iter().collect::<Vec<_>>() })
}

fn cluster(scenario: &Scenario, settings: &Settings, upstream: SocketAddr) -> Value {
    let default = ConnectionPool::default();
    let pool = settings.connection_pool.as_ref().unwrap_or(&default);
    let timeout = pool.tcp.connect_timeout.as_deref();
    let mut cluster = json!({
        "@type": type_of("config.cluster.v3.Cluster"),
        "name": "up",
        "type": "STATIC",
        "connect_timeout": timeout.unwrap_or(CONNECT_TIMEOUT),
        "load_assignment": {
            "cluster_name": "up",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": loopback(upstream.port()) } }] }],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions":
                protocol_options(scenario.protocol, pool),
        },
    });
    if !settings.no_circuit_breakers {
        cluster["circuit_breakers"] = json!({ "thresholds": [thresholds(settings, pool)] });
    }
    if scenario.tls {
        let alpn = match scenario.protocol {
            Protocol::H1 => "http/1.1",
            Protocol::H2 => "h2",
        };
        cluster["transport_socket"] = json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": type_of("extensions.transport_sockets.tls.v3.UpstreamTlsContext"),
                "common_tls_context": { "alpn_protocols": [alpn] },
            },
        });
    }
    cluster
}

fn protocol_options(protocol: Protocol, pool: &ConnectionPool) -> Value {
    let mut common = Map::new();
    if let Some(requests) = pool.http.max_requests_per_connection.filter(|n| *n > 0) {
        common.insert("max_requests_per_connection".into(), json!(requests));
    }
    if let Some(timeout) = &pool.http.idle_timeout {
        common.insert("idle_timeout".into(), json!(timeout));
    }
    if let Some(duration) = &pool.tcp.max_connection_duration {
        common.insert("max_connection_duration".into(), json!(duration));
    }
    let explicit = match protocol {
        Protocol::H1 => json!({ "http_protocol_options": {} }),
        Protocol::H2 => {
            let mut options = Map::new();
            if let Some(streams) = pool.http.max_concurrent_streams.filter(|n| *n > 0) {
                options.insert("max_concurrent_streams".into(), json!(streams));
            }
            json!({ "http2_protocol_options": options })
        }
    };
    json!({
        "@type": type_of("extensions.upstreams.http.v3.HttpProtocolOptions"),
        "common_http_protocol_options": common,
        "explicit_http_config": explicit,
    })
}

fn thresholds(settings: &Settings, pool: &ConnectionPool) -> Value {
    let raw = settings.envoy_thresholds.clone().unwrap_or_default();
    // For Istio 0 is unset.
    let limit = |istio: Option<u32>, envoy: Option<u32>| {
        let istio = istio.filter(|limit| *limit > 0).unwrap_or(UNLIMITED);
        json!(envoy.unwrap_or(istio))
    };
    let mut thresholds = json!({
        "max_connections": limit(pool.tcp.max_connections, raw.max_connections),
        "max_pending_requests": limit(pool.http.max_pending_requests, raw.max_pending_requests),
        "max_requests": limit(pool.http.max_requests, raw.max_requests),
        "max_retries": limit(pool.http.max_retries, None),
    });
    if let Some(track) = raw.track_remaining {
        thresholds["track_remaining"] = json!(track);
    }
    if let Some(budget) = &settings.retry_budget {
        thresholds["retry_budget"] = retry_budget(budget);
    }
    thresholds
}

fn retry_budget(budget: &RetryBudget) -> Value {
    let (percent, least) = BUDGET;
    json!({
        "budget_percent": { "value": budget.percent.unwrap_or(percent) },
        "min_retry_concurrency": budget.min_retry_concurrency.unwrap_or(least),
    })
}

fn loopback(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

fn type_of(message: &str) -> String {
    format!("type.googleapis.com/envoy.{message}")
}
