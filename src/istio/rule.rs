//! The typed rule: what a document says, each value with its place, nothing interpreted.
//!
//! Names are those of the `DestinationRule` in Rust's spelling. Blocks of which nothing applies
//! to a pool are kept as their place alone.

use std::fmt;
use std::time::Duration;

use super::path::Path;
use super::problem::{Position, shorten};

/// A value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) at: Position,
}

/// Something that is accepted without a look inside.
pub(crate) type Opaque = Spanned<()>;

#[derive(Debug)]
pub(crate) struct DestinationRule {
    /// Where the object starts.
    pub(crate) at: Position,
    /// The object's path, empty unless it is an item of a list: `items[3]`.
    pub(crate) item: Option<String>,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) namespace: Option<Spanned<String>>,
    pub(crate) spec: Option<Spec>,
}

impl DestinationRule {
    /// The path of the object in its document.
    pub(crate) fn path(&self) -> Path<'_> {
        self.item.as_deref().map_or(Path::Root, Path::Given)
    }

    /// The host, empty if there is none.
    pub(crate) fn host(&self) -> &str {
        let host = self.spec.as_ref().and_then(|spec| spec.host.as_ref());
        host.map_or("", |host| &host.value)
    }

    /// `spec.trafficPolicy`, which applies to every port.
    pub(crate) fn policy(&self) -> Option<&TrafficPolicy> {
        self.spec.as_ref()?.traffic_policy.as_ref()
    }
}

/// For messages: `default/user (line 3)`.
impl fmt::Display for DestinationRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |field: &Option<Spanned<String>>, otherwise: &str| {
            field
                .as_ref()
                .map_or_else(|| otherwise.to_owned(), |field| shorten(&field.value))
        };
        let namespace = text(&self.namespace, "default");
        let name = text(&self.name, "(unnamed)");
        write!(f, "{namespace}/{name} (line {})", self.at.line)
    }
}

#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) at: Position,
    pub(crate) host: Option<Spanned<String>>,
    pub(crate) traffic_policy: Option<TrafficPolicy>,
    pub(crate) subsets: Option<Spanned<Vec<Subset>>>,
    pub(crate) export_to: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) workload_selector: Option<Opaque>,
}

#[derive(Debug)]
pub(crate) struct TrafficPolicy {
    pub(crate) at: Position,
    pub(crate) connection_pool: Option<ConnectionPool>,
    pub(crate) port_level_settings: Option<Spanned<Vec<PortPolicy>>>,
    pub(crate) load_balancer: Option<Opaque>,
    pub(crate) outlier_detection: Option<Opaque>,
    pub(crate) tls: Option<Opaque>,
    pub(crate) tunnel: Option<Opaque>,
    pub(crate) proxy_protocol: Option<Opaque>,
    pub(crate) retry_budget: Option<Spanned<RetryBudget>>,
}

impl TrafficPolicy {
    /// Whether it holds nothing at all; an empty list is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        let ports = self.port_level_settings.as_ref();
        self.connection_pool.is_none()
            && ports.is_none_or(|ports| ports.value.is_empty())
            && self.load_balancer.is_none()
            && self.outlier_detection.is_none()
            && self.tls.is_none()
            && self.tunnel.is_none()
            && self.proxy_protocol.is_none()
            && self.retry_budget.is_none()
    }
}

#[derive(Debug)]
pub(crate) struct RetryBudget {
    pub(crate) percent: Option<Spanned<f64>>,
    pub(crate) min_retry_concurrency: Option<Spanned<u32>>,
    pub(crate) budget_interval: Option<Spanned<GoDuration>>,
}

/// An entry of `portLevelSettings`.
#[derive(Debug)]
pub(crate) struct PortPolicy {
    pub(crate) at: Position,
    pub(crate) port: Option<Opaque>,
    pub(crate) connection_pool: Option<ConnectionPool>,
    pub(crate) load_balancer: Option<Opaque>,
    pub(crate) outlier_detection: Option<Opaque>,
    pub(crate) tls: Option<Opaque>,
}

impl PortPolicy {
    pub(crate) fn is_empty(&self) -> bool {
        self.connection_pool.is_none()
            && self.load_balancer.is_none()
            && self.outlier_detection.is_none()
            && self.tls.is_none()
    }
}

#[derive(Debug)]
pub(crate) struct Subset {
    pub(crate) at: Position,
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) traffic_policy: Option<TrafficPolicy>,
}

#[derive(Debug)]
pub(crate) struct ConnectionPool {
    pub(crate) at: Position,
    pub(crate) tcp: Option<Tcp>,
    pub(crate) http: Option<Http>,
}

#[derive(Debug, Default)]
pub(crate) struct Tcp {
    pub(crate) max_connections: Option<Spanned<i32>>,
    pub(crate) connect_timeout: Option<Spanned<GoDuration>>,
    pub(crate) tcp_keepalive: Option<Spanned<TcpKeepalive>>,
    pub(crate) max_connection_duration: Option<Spanned<GoDuration>>,
    pub(crate) idle_timeout: Option<Spanned<GoDuration>>,
}

#[derive(Debug)]
pub(crate) struct TcpKeepalive {
    pub(crate) time: Option<Spanned<GoDuration>>,
    pub(crate) interval: Option<Spanned<GoDuration>>,
}

#[derive(Debug, Default)]
pub(crate) struct Http {
    pub(crate) http1_max_pending_requests: Option<Spanned<i32>>,
    pub(crate) http2_max_requests: Option<Spanned<i32>>,
    pub(crate) max_requests_per_connection: Option<Spanned<i32>>,
    pub(crate) max_retries: Option<Spanned<i32>>,
    pub(crate) idle_timeout: Option<Spanned<GoDuration>>,
    pub(crate) h2_upgrade_policy: Option<Spanned<H2UpgradePolicy>>,
    pub(crate) use_client_protocol: Option<Spanned<bool>>,
    pub(crate) max_concurrent_streams: Option<Spanned<i32>>,
    pub(crate) http2_keep_alive: Option<Spanned<Http2KeepAlive>>,
}

#[derive(Debug)]
pub(crate) struct Http2KeepAlive {
    pub(crate) interval: Option<Spanned<GoDuration>>,
    pub(crate) timeout: Option<Spanned<GoDuration>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum H2UpgradePolicy {
    Default,
    DoNotUpgrade,
    Upgrade,
}

/// A duration as Go has it: nanoseconds, of either sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GoDuration(pub(crate) i64);

impl GoDuration {
    pub(crate) const MILLISECOND: Self = Self(1_000_000);

    pub(crate) fn whole_milliseconds(self) -> i64 {
        self.0 / Self::MILLISECOND.0
    }

    pub(crate) fn is_whole_milliseconds(self) -> bool {
        self.0 % Self::MILLISECOND.0 == 0
    }

    /// The duration, unless it is negative or, to Istio, zero: without a whole millisecond.
    pub(crate) fn positive(self) -> Option<Duration> {
        let nanos = u64::try_from(self.0).ok()?;
        (self.whole_milliseconds() > 0).then(|| Duration::from_nanos(nanos))
    }
}

/// As Go prints it: `1m30s`, `1.5s`, `-500µs`.
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        // Below a second Go uses one smaller unit, above it hours, minutes and seconds.
        match Duration::from_nanos(nanos) {
            short if nanos < 1_000_000_000 => write!(f, "{short:?}"),
            long => {
                let (minutes, seconds) = (long.as_secs() / 60, long.as_secs() % 60);
                if minutes >= 60 {
                    write!(f, "{}h", minutes / 60)?;
                }
                if minutes > 0 {
                    write!(f, "{}m", minutes % 60)?;
                }
                let fraction = Duration::new(seconds, long.subsec_nanos());
                write!(f, "{}s", fraction.as_secs_f64())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_go_prints_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (-500_000, "-500µs"),
            (250_000_000, "250ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (7_205_000_000_000, "2h0m5s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(GoDuration(nanos).to_string(), text);
        }
    }
}
