//! The `DestinationRule` around the pool.

use super::opaque::same;
use super::{ConnectionPool, GoDuration, Labels, Meta, Opaque, OutlierDetection, Spanned};

#[derive(Debug, PartialEq)]
pub(crate) struct DestinationRule {
    pub(crate) meta: Meta,
    pub(crate) spec: Option<Spanned<Spec>>,
}

impl DestinationRule {
    /// The host, empty if there is none.
    pub(crate) fn host(&self) -> &str {
        let host = self.spec.as_ref().and_then(|spec| spec.host.as_ref());
        host.map_or("", |host| host)
    }

    /// `spec.trafficPolicy`, which applies to every port.
    pub(crate) fn policy(&self) -> Option<&Spanned<TrafficPolicy>> {
        self.spec.as_ref()?.traffic_policy.as_ref()
    }
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Spec {
    pub(crate) host: Option<Spanned<String>>,
    pub(crate) traffic_policy: Option<Spanned<TrafficPolicy>>,
    pub(crate) subsets: Option<Spanned<Vec<Spanned<Subset>>>>,
    pub(crate) export_to: Option<Spanned<Vec<Spanned<String>>>>,
    pub(crate) workload_selector: Option<Spanned<WorkloadSelector>>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct TrafficPolicy {
    pub(crate) connection_pool: Option<Spanned<ConnectionPool>>,
    pub(crate) port_level_settings: Option<Spanned<Vec<Spanned<PortPolicy>>>>,
    pub(crate) outlier_detection: Option<Spanned<OutlierDetection>>,
    pub(crate) retry_budget: Option<Spanned<RetryBudget>>,
    pub(crate) load_balancer: Option<Opaque>,
    pub(crate) tls: Option<Opaque>,
    pub(crate) tunnel: Option<Opaque>,
    pub(crate) proxy_protocol: Option<Opaque>,
}

impl TrafficPolicy {
    /// Whether it holds nothing at all; an empty list is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        let ports = self.port_level_settings.as_ref();
        self.connection_pool.is_none()
            && ports.is_none_or(|ports| ports.is_empty())
            && self.load_balancer.is_none()
            && self.outlier_detection.is_none()
            && self.tls.is_none()
            && self.tunnel.is_none()
            && self.proxy_protocol.is_none()
            && self.retry_budget.is_none()
    }
}

#[derive(Debug, Default)]
pub(crate) struct RetryBudget {
    /// No number at all, or no finite one, only where istiod's gate let it in.
    pub(crate) percent: Option<Spanned<f64>>,
    pub(crate) min_retry_concurrency: Option<Spanned<u32>>,
    pub(crate) budget_interval: Option<Spanned<GoDuration>>,
}

impl PartialEq for RetryBudget {
    fn eq(&self, other: &Self) -> bool {
        let percents_match = match (&self.percent, &other.percent) {
            (Some(one), Some(other)) => same(one.value, other.value),
            (one, other) => one.is_none() && other.is_none(),
        };
        percents_match
            && self.min_retry_concurrency == other.min_retry_concurrency
            && self.budget_interval == other.budget_interval
    }
}

/// An entry of `portLevelSettings`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PortPolicy {
    /// `port`, and the `number` in it: the service's port.
    pub(crate) port: Option<Spanned<Option<Spanned<u32>>>>,
    pub(crate) connection_pool: Option<Spanned<ConnectionPool>>,
    pub(crate) outlier_detection: Option<Spanned<OutlierDetection>>,
    pub(crate) load_balancer: Option<Opaque>,
    pub(crate) tls: Option<Opaque>,
}

impl PortPolicy {
    /// The port that it is for. An absent number is 0, as in Istio.
    pub(crate) fn port_number(&self) -> Option<u32> {
        let port = self.port.as_ref()?;
        Some(port.map_or(0, |number| number.value))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connection_pool.is_none()
            && self.load_balancer.is_none()
            && self.outlier_detection.is_none()
            && self.tls.is_none()
    }
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Subset {
    pub(crate) name: Option<Spanned<String>>,
    pub(crate) labels: Option<Spanned<Labels>>,
    pub(crate) traffic_policy: Option<Spanned<TrafficPolicy>>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct WorkloadSelector {
    /// `matchLabels` of a rule, `labels` of a `Sidecar`.
    pub(crate) labels: Option<Spanned<Labels>>,
}
