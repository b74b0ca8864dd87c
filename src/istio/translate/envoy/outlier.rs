//! Outlier detection, as data: nothing in this process ejects a host.

use crate::istio::resource::{self, GoDuration};

/// Envoy's `outlier_detection` of a cluster, with the panic threshold that istiod sets with it.
/// What is `None` is Envoy's default.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutlierDetection<'a> {
    /// `consecutive5xxErrors`.
    pub consecutive_5xx: Option<u32>,
    /// 100 if that is more than 0, and 0 if it is 0.
    pub enforcing_consecutive_5xx: Option<u32>,
    /// `consecutiveGatewayErrors`.
    pub consecutive_gateway_failure: Option<u32>,
    /// 100 if that is more than 0, and 0 if it is 0.
    pub enforcing_consecutive_gateway_failure: Option<u32>,
    /// `interval`.
    pub interval: Option<GoDuration>,
    /// `baseEjectionTime`.
    pub base_ejection_time: Option<GoDuration>,
    /// `maxEjectionPercent`, if that is more than 0.
    pub max_ejection_percent: Option<u32>,
    /// `splitExternalLocalOriginErrors`.
    pub split_external_local_origin_errors: bool,
    /// `consecutiveLocalOriginFailures`, if that is more than 0 and errors are split.
    pub consecutive_local_origin_failure: Option<u32>,
    /// 100 with that.
    pub enforcing_consecutive_local_origin_failure: Option<u32>,
    /// 0 if errors are split.
    pub enforcing_local_origin_success_rate: Option<u32>,
    /// Always 0: Istio does not use success rates.
    pub enforcing_success_rate: u32,
    /// `minHealthPercent`: below it all hosts get requests. 0 is never. Nothing where that is
    /// negative, which only an admission that is passed by lets through.
    pub healthy_panic_threshold: Option<u32>,
    http_error_codes: &'a [resource::Spanned<u32>],
}

impl<'a> OutlierDetection<'a> {
    pub(super) fn new(block: &'a resource::OutlierDetection) -> Self {
        let split = block
            .split_external_local_origin_errors
            .is_some_and(|split| split.value);
        let local_origin = block
            .consecutive_local_origin_failures
            .map(|failures| failures.value)
            .filter(|failures| split && *failures > 0);
        let percent = |field: Option<resource::Spanned<i32>>| {
            let percent = field.map(|field| u32::try_from(field.value));
            percent.and_then(Result::ok)
        };
        let consecutive_5xx = block.consecutive_5xx_errors.map(|errors| errors.value);
        let gateway = block.consecutive_gateway_errors.map(|errors| errors.value);
        let codes = block.http_error_codes.as_ref();
        Self {
            consecutive_5xx,
            enforcing_consecutive_5xx: consecutive_5xx.map(enforcing),
            consecutive_gateway_failure: gateway,
            enforcing_consecutive_gateway_failure: gateway.map(enforcing),
            interval: block.interval.map(|interval| interval.value),
            base_ejection_time: block.base_ejection_time.map(|time| time.value),
            max_ejection_percent: percent(block.max_ejection_percent).filter(|most| *most > 0),
            split_external_local_origin_errors: split,
            consecutive_local_origin_failure: local_origin,
            enforcing_consecutive_local_origin_failure: local_origin.map(enforcing),
            enforcing_local_origin_success_rate: split.then_some(0),
            enforcing_success_rate: 0,
            healthy_panic_threshold: match block.min_health_percent {
                None => Some(0),
                set => percent(set),
            },
            http_error_codes: codes.map_or(&[], |codes| &codes.value),
        }
    }

    /// `outlierDetectionHttpErrorCodes`: the statuses that count as errors, instead of all from
    /// 500 on if there are any.
    pub fn http_error_codes(&self) -> impl Iterator<Item = u32> {
        self.http_error_codes.iter().map(|code| code.value)
    }
}

fn enforcing(errors: u32) -> u32 {
    if errors > 0 { 100 } else { 0 }
}
