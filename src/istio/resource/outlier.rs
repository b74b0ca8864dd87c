//! `outlierDetection`, all of it.

use super::{GoDuration, Spanned};

#[derive(Debug, Default, PartialEq)]
pub(crate) struct OutlierDetection {
    /// Deprecated: warned about, and without effect.
    pub(crate) consecutive_errors: Option<Spanned<i32>>,
    pub(crate) consecutive_5xx_errors: Option<Spanned<u32>>,
    pub(crate) consecutive_gateway_errors: Option<Spanned<u32>>,
    pub(crate) split_external_local_origin_errors: Option<Spanned<bool>>,
    pub(crate) consecutive_local_origin_failures: Option<Spanned<u32>>,
    pub(crate) interval: Option<Spanned<GoDuration>>,
    pub(crate) base_ejection_time: Option<Spanned<GoDuration>>,
    pub(crate) max_ejection_percent: Option<Spanned<i32>>,
    pub(crate) min_health_percent: Option<Spanned<i32>>,
    pub(crate) http_error_codes: Option<Spanned<Vec<Spanned<u32>>>>,
}
