//! [`TcpKeepAlive`]: how the system finds out that a peer is gone.

use std::time::Duration;

/// What the system sends on a TCP connection on which nothing happens, to find out whether the
/// other side is still there: `SO_KEEPALIVE` and what belongs to it.
///
/// What is `None` is the system's default; on Linux that is 2 hours, 75 seconds, and 9 probes. A
/// `time` or `interval` of less than a second, and 0 `probes`, turn it off as a whole, as in Envoy.
///
/// Istio: `connectionPool.tcp.tcpKeepalive`, field by field over that of `MeshConfig`; Envoy:
/// `upstream_connection_options.tcp_keepalive`.
///
/// ```
/// use std::time::Duration;
///
/// use meshpool::Limits;
/// use meshpool::limits::TcpKeepAlive;
///
/// let keep_alive = TcpKeepAlive::new().time(Duration::from_secs(60)).probes(3);
/// let limits = Limits::new().tcp_keep_alive(keep_alive);
/// assert!(!keep_alive.is_off());
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct TcpKeepAlive {
    /// How long nothing may come before the first probe is sent. Whole seconds count.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub time: Option<Duration>,

    /// How long lies between two probes. Whole seconds count.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub interval: Option<Duration>,

    /// How many probes may go unanswered before the connection counts as lost.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub probes: Option<u32>,
}

impl TcpKeepAlive {
    /// On, with what the system has for all three, or what the connector has set before.
    pub const fn new() -> Self {
        Self {
            time: None,
            interval: None,
            probes: None,
        }
    }

    /// Sets how long nothing may come before the first probe; `None` is the system's default.
    #[must_use]
    pub fn time(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.time = time.into();
        self
    }

    /// Sets how long lies between two probes; `None` is the system's default.
    #[must_use]
    pub fn interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.interval = interval.into();
        self
    }

    /// Sets how many probes may go unanswered; `None` is the system's default.
    #[must_use]
    pub fn probes(mut self, probes: impl Into<Option<u32>>) -> Self {
        self.probes = probes.into();
        self
    }

    /// Whether one of the three turns it off.
    pub fn is_off(&self) -> bool {
        let is_none = |time: Option<Duration>| time.is_some_and(|time| time.as_secs() == 0);
        is_none(self.time) || is_none(self.interval) || self.probes == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, TcpKeepAlive};

    #[test]
    fn nothing_of_one_of_them_turns_it_off() {
        let second = Duration::from_secs(1);
        let less = Duration::from_millis(999);
        let all = TcpKeepAlive::new().time(second).interval(second).probes(1);
        assert!(!TcpKeepAlive::new().is_off());
        assert!(!all.is_off());
        for off in [all.time(less), all.interval(less), all.probes(0)] {
            assert!(off.is_off(), "{off:?}");
        }
    }
}
