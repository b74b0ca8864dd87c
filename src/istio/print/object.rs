//! Resources to trees: field by field what `decode` reads.

use super::block::{Block, text, uint};
use crate::istio::resource::{
    CaptureMode, ConnectionPool, DefaultTrafficPolicy, DestinationRule, H2UpgradePolicy, Http,
    Http2KeepAlive, Listener, ListenerPort, MeshConfig, MeshSettings, Meta, OutlierDetection,
    PortPolicy, Resource, RetryBudget, Sidecar, SidecarSpec, Spanned, Spec, Subset, Tcp,
    TcpKeepalive, TrafficPolicy, Tree, WorkloadSelector,
};

const API_VERSION: &str = "networking.istio.io/v1";
/// A mesh's settings are no object of the API; where they are written as one, this is its name.
const MESH_API_VERSION: &str = "mesh-config";

pub(super) fn object(resource: &Resource) -> Tree {
    match resource {
        Resource::DestinationRule(rule) => destination_rule(rule),
        Resource::Sidecar(found) => sidecar(found),
        Resource::MeshConfig(mesh) => mesh_config(mesh),
    }
}

fn destination_rule(rule: &DestinationRule) -> Tree {
    head(API_VERSION, "DestinationRule", &rule.meta)
        .field("spec", &rule.spec, spec)
        .tree()
}

fn sidecar(sidecar: &Sidecar) -> Tree {
    head(API_VERSION, "Sidecar", &sidecar.meta)
        .field("spec", &sidecar.spec, sidecar_spec)
        .tree()
}

fn mesh_config(mesh: &MeshConfig) -> Tree {
    head(MESH_API_VERSION, "MeshConfig", &mesh.meta)
        .field("spec", &mesh.settings, mesh_settings)
        .tree()
}

fn head(api_version: &str, kind: &str, meta: &Meta) -> Block {
    let block = Block::new()
        .put("apiVersion", Tree::Text(api_version.to_owned()))
        .put("kind", Tree::Text(kind.to_owned()));
    let metadata = Block::new()
        .text("name", &meta.name)
        .text("namespace", &meta.namespace)
        .field("creationTimestamp", &meta.creation_timestamp, |time| {
            Tree::Text(time.to_string())
        })
        .labels("annotations", &meta.annotations);
    if metadata.is_empty() {
        block
    } else {
        block.put("metadata", metadata.tree())
    }
}

fn spec(spec: &Spec) -> Tree {
    Block::new()
        .text("host", &spec.host)
        .list("exportTo", &spec.export_to, text)
        .field("workloadSelector", &spec.workload_selector, |selector| {
            workload_selector("matchLabels", selector)
        })
        .field("trafficPolicy", &spec.traffic_policy, traffic_policy)
        .list("subsets", &spec.subsets, subset)
        .tree()
}

fn workload_selector(name: &str, selector: &WorkloadSelector) -> Tree {
    Block::new().labels(name, &selector.labels).tree()
}

fn traffic_policy(policy: &TrafficPolicy) -> Tree {
    Block::new()
        .field("connectionPool", &policy.connection_pool, connection_pool)
        .field(
            "outlierDetection",
            &policy.outlier_detection,
            outlier_detection,
        )
        .field("retryBudget", &policy.retry_budget, retry_budget)
        .opaque("loadBalancer", &policy.load_balancer)
        .opaque("tls", &policy.tls)
        .opaque("tunnel", &policy.tunnel)
        .opaque("proxyProtocol", &policy.proxy_protocol)
        .list(
            "portLevelSettings",
            &policy.port_level_settings,
            port_policy,
        )
        .tree()
}

fn retry_budget(budget: &RetryBudget) -> Tree {
    Block::new()
        .double("percent", &budget.percent)
        .uint("minRetryConcurrency", &budget.min_retry_concurrency)
        .duration("budgetInterval", &budget.budget_interval)
        .tree()
}

fn port_policy(policy: &PortPolicy) -> Tree {
    Block::new()
        .field("port", &policy.port, port)
        .field("connectionPool", &policy.connection_pool, connection_pool)
        .field(
            "outlierDetection",
            &policy.outlier_detection,
            outlier_detection,
        )
        .opaque("loadBalancer", &policy.load_balancer)
        .opaque("tls", &policy.tls)
        .tree()
}

fn port(number: &Option<Spanned<u32>>) -> Tree {
    Block::new().uint("number", number).tree()
}

fn subset(subset: &Subset) -> Tree {
    Block::new()
        .text("name", &subset.name)
        .labels("labels", &subset.labels)
        .field("trafficPolicy", &subset.traffic_policy, traffic_policy)
        .tree()
}

fn connection_pool(pool: &ConnectionPool) -> Tree {
    Block::new()
        .field("tcp", &pool.tcp, tcp)
        .field("http", &pool.http, http)
        .tree()
}

fn tcp(tcp: &Tcp) -> Tree {
    Block::new()
        .int("maxConnections", &tcp.max_connections)
        .duration("connectTimeout", &tcp.connect_timeout)
        .field("tcpKeepalive", &tcp.tcp_keepalive, tcp_keepalive)
        .duration("maxConnectionDuration", &tcp.max_connection_duration)
        .duration("idleTimeout", &tcp.idle_timeout)
        .tree()
}

fn tcp_keepalive(keepalive: &TcpKeepalive) -> Tree {
    Block::new()
        .uint("probes", &keepalive.probes)
        .duration("time", &keepalive.time)
        .duration("interval", &keepalive.interval)
        .tree()
}

fn http(http: &Http) -> Tree {
    Block::new()
        .int("http1MaxPendingRequests", &http.http1_max_pending_requests)
        .int("http2MaxRequests", &http.http2_max_requests)
        .int(
            "maxRequestsPerConnection",
            &http.max_requests_per_connection,
        )
        .int("maxRetries", &http.max_retries)
        .duration("idleTimeout", &http.idle_timeout)
        .field(
            "h2UpgradePolicy",
            &http.h2_upgrade_policy,
            h2_upgrade_policy,
        )
        .flag("useClientProtocol", &http.use_client_protocol)
        .int("maxConcurrentStreams", &http.max_concurrent_streams)
        .field("http2KeepAlive", &http.http2_keep_alive, http2_keep_alive)
        .tree()
}

fn h2_upgrade_policy(policy: &H2UpgradePolicy) -> Tree {
    let name = match policy {
        H2UpgradePolicy::Default => "DEFAULT",
        H2UpgradePolicy::DoNotUpgrade => "DO_NOT_UPGRADE",
        H2UpgradePolicy::Upgrade => "UPGRADE",
    };
    Tree::Text(name.to_owned())
}

fn http2_keep_alive(keepalive: &Http2KeepAlive) -> Tree {
    Block::new()
        .duration("interval", &keepalive.interval)
        .duration("timeout", &keepalive.timeout)
        .tree()
}

fn outlier_detection(outlier: &OutlierDetection) -> Tree {
    Block::new()
        .int("consecutiveErrors", &outlier.consecutive_errors)
        .uint("consecutive5xxErrors", &outlier.consecutive_5xx_errors)
        .uint(
            "consecutiveGatewayErrors",
            &outlier.consecutive_gateway_errors,
        )
        .flag(
            "splitExternalLocalOriginErrors",
            &outlier.split_external_local_origin_errors,
        )
        .uint(
            "consecutiveLocalOriginFailures",
            &outlier.consecutive_local_origin_failures,
        )
        .duration("interval", &outlier.interval)
        .duration("baseEjectionTime", &outlier.base_ejection_time)
        .int("maxEjectionPercent", &outlier.max_ejection_percent)
        .int("minHealthPercent", &outlier.min_health_percent)
        .list(
            "outlierDetectionHttpErrorCodes",
            &outlier.http_error_codes,
            uint,
        )
        .tree()
}

fn sidecar_spec(spec: &SidecarSpec) -> Tree {
    Block::new()
        .field("workloadSelector", &spec.workload_selector, |selector| {
            workload_selector("labels", selector)
        })
        .list("ingress", &spec.ingress, listener)
        .list("egress", &spec.egress, Tree::clone)
        .field(
            "inboundConnectionPool",
            &spec.inbound_connection_pool,
            connection_pool,
        )
        .opaque("outboundTrafficPolicy", &spec.outbound_traffic_policy)
        .tree()
}

fn listener(listener: &Listener) -> Tree {
    Block::new()
        .field("port", &listener.port, listener_port)
        .text("bind", &listener.bind)
        .field("captureMode", &listener.capture_mode, capture_mode)
        .text("defaultEndpoint", &listener.default_endpoint)
        .opaque("tls", &listener.tls)
        .field("connectionPool", &listener.connection_pool, connection_pool)
        .tree()
}

fn capture_mode(mode: &CaptureMode) -> Tree {
    let name = match mode {
        CaptureMode::Default => "DEFAULT",
        CaptureMode::Iptables => "IPTABLES",
        CaptureMode::None => "NONE",
    };
    Tree::Text(name.to_owned())
}

fn listener_port(port: &ListenerPort) -> Tree {
    Block::new()
        .uint("number", &port.number)
        .text("protocol", &port.protocol)
        .text("name", &port.name)
        .uint("targetPort", &port.target_port)
        .tree()
}

fn mesh_settings(settings: &MeshSettings) -> Tree {
    let ours = Block::new()
        .duration("connectTimeout", &settings.connect_timeout)
        .field("tcpKeepalive", &settings.tcp_keepalive, tcp_keepalive)
        .field(
            "h2UpgradePolicy",
            &settings.h2_upgrade_policy,
            h2_upgrade_policy,
        )
        .list(
            "defaultDestinationRuleExportTo",
            &settings.default_destination_rule_export_to,
            text,
        )
        .text("rootNamespace", &settings.root_namespace)
        .field(
            "defaultTrafficPolicy",
            &settings.default_traffic_policy,
            default_traffic_policy,
        );
    let others = settings.others.iter();
    others
        .fold(ours, |block, (name, value)| {
            block.put(name, value.value.clone())
        })
        .tree()
}

fn default_traffic_policy(policy: &DefaultTrafficPolicy) -> Tree {
    Block::new()
        .field("connectionPool", &policy.connection_pool, connection_pool)
        .field(
            "outlierDetection",
            &policy.outlier_detection,
            outlier_detection,
        )
        .tree()
}
