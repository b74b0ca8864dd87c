//! `connectionPool` and `outlierDetection`, all of them.

use super::collect::list;
use super::duration::duration;
use super::fields::Fields;
use super::plain::{boolean, int32, one_of, uint32};
use super::value::Value;
use crate::istio::problem::Report;
use crate::istio::resource::{
    ConnectionPool, H2UpgradePolicy, Http, Http2KeepAlive, OutlierDetection, Spanned, Tcp,
    TcpKeepalive,
};

const H2_UPGRADE_POLICIES: &[(&str, H2UpgradePolicy)] = &[
    ("DEFAULT", H2UpgradePolicy::Default),
    ("DO_NOT_UPGRADE", H2UpgradePolicy::DoNotUpgrade),
    ("UPGRADE", H2UpgradePolicy::Upgrade),
];

pub(super) fn connection_pool(
    value: Value<'_>,
    report: &mut Report,
) -> Option<Spanned<ConnectionPool>> {
    let mut fields = Fields::open(value, report)?;
    let pool = ConnectionPool {
        tcp: fields.get("tcp", report, tcp),
        http: fields.get("http", report, http),
    };
    fields.close(report);
    Some(value.spanned(pool))
}

fn tcp(value: Value<'_>, report: &mut Report) -> Option<Spanned<Tcp>> {
    let mut fields = Fields::open(value, report)?;
    let tcp = Tcp {
        max_connections: fields.get("maxConnections", report, int32),
        connect_timeout: fields.get("connectTimeout", report, duration),
        tcp_keepalive: fields.get("tcpKeepalive", report, tcp_keepalive),
        max_connection_duration: fields.get("maxConnectionDuration", report, duration),
        idle_timeout: fields.get("idleTimeout", report, duration),
    };
    fields.close(report);
    Some(value.spanned(tcp))
}

pub(super) fn tcp_keepalive(
    value: Value<'_>,
    report: &mut Report,
) -> Option<Spanned<TcpKeepalive>> {
    let mut fields = Fields::open(value, report)?;
    let keepalive = TcpKeepalive {
        probes: fields.get("probes", report, uint32),
        time: fields.get("time", report, duration),
        interval: fields.get("interval", report, duration),
    };
    fields.close(report);
    Some(value.spanned(keepalive))
}

fn http(value: Value<'_>, report: &mut Report) -> Option<Spanned<Http>> {
    let mut fields = Fields::open(value, report)?;
    let http = Http {
        http1_max_pending_requests: fields.get("http1MaxPendingRequests", report, int32),
        http2_max_requests: fields.get("http2MaxRequests", report, int32),
        max_requests_per_connection: fields.get("maxRequestsPerConnection", report, int32),
        max_retries: fields.get("maxRetries", report, int32),
        idle_timeout: fields.get("idleTimeout", report, duration),
        h2_upgrade_policy: fields.get("h2UpgradePolicy", report, one_of(H2_UPGRADE_POLICIES)),
        use_client_protocol: fields.get("useClientProtocol", report, boolean),
        max_concurrent_streams: fields.get("maxConcurrentStreams", report, int32),
        http2_keep_alive: fields.get("http2KeepAlive", report, http2_keep_alive),
    };
    fields.close(report);
    Some(value.spanned(http))
}

fn http2_keep_alive(value: Value<'_>, report: &mut Report) -> Option<Spanned<Http2KeepAlive>> {
    let mut fields = Fields::open(value, report)?;
    let keepalive = Http2KeepAlive {
        interval: fields.get("interval", report, duration),
        timeout: fields.get("timeout", report, duration),
    };
    fields.close(report);
    Some(value.spanned(keepalive))
}

pub(super) fn outlier_detection(
    value: Value<'_>,
    report: &mut Report,
) -> Option<Spanned<OutlierDetection>> {
    let mut fields = Fields::open(value, report)?;
    let outlier = OutlierDetection {
        consecutive_errors: fields.get("consecutiveErrors", report, int32),
        consecutive_5xx_errors: fields.get("consecutive5xxErrors", report, uint32),
        consecutive_gateway_errors: fields.get("consecutiveGatewayErrors", report, uint32),
        split_external_local_origin_errors: fields.get(
            "splitExternalLocalOriginErrors",
            report,
            boolean,
        ),
        consecutive_local_origin_failures: fields.get(
            "consecutiveLocalOriginFailures",
            report,
            uint32,
        ),
        interval: fields.get("interval", report, duration),
        base_ejection_time: fields.get("baseEjectionTime", report, duration),
        max_ejection_percent: fields.get("maxEjectionPercent", report, int32),
        min_health_percent: fields.get("minHealthPercent", report, int32),
        http_error_codes: fields.get("outlierDetectionHttpErrorCodes", report, list(uint32)),
    };
    fields.close(report);
    Some(value.spanned(outlier))
}
