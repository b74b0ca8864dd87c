//! The command line.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use http::Uri;
use http::uri::{Authority, Scheme};
use meshpool::limits::{self, Destination};
use meshpool::outbound::retry::RetryOn;

use crate::rules::RuleFlags;

/// Forwards to one upstream, within the limits of a DestinationRule
#[derive(Debug, Parser)]
pub(crate) struct Flags {
    /// Where to serve HTTP/1.1 and h2c; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8081")]
    pub(crate) listen: SocketAddr,
    /// Where to forward to: http://HOST:PORT or https://HOST:PORT
    #[arg(long)]
    pub(crate) upstream: Upstream,
    /// What the upstream speaks; auto is HTTP/1 over http, what the handshake settles on over
    /// https
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) upstream_protocol: UpstreamProtocol,
    /// Accept any certificate of the upstream
    #[arg(long)]
    pub(crate) upstream_insecure: bool,
    #[command(flatten)]
    pub(crate) rules: RuleFlags,
    /// Where to serve /explain, /stats, /clusters, /metrics and /healthz
    #[arg(long)]
    pub(crate) admin: Option<SocketAddr>,
    /// How long a response may take to its end, from when the request is all there; 0s is for
    /// ever
    #[arg(long, default_value = "15s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// How long each try may take to the head of its response, from when it has a connection;
    /// for ever unless set
    #[arg(long, value_parser = duration)]
    pub(crate) per_try_timeout: Option<Duration>,
    /// How many retries a request may have; none unless this or --retry-on is set
    #[arg(long)]
    pub(crate) retries: Option<u32>,
    /// Which outcomes are retried, in Envoy's names
    #[arg(long)]
    pub(crate) retry_on: Option<RetryOn>,
    /// How long the first retry waits at most; those that follow wait longer, up to ten times
    /// this. Envoy's default is 25ms
    #[arg(long, default_value = "1ms", value_parser = duration)]
    pub(crate) retry_back_off: Duration,
    /// How many threads serve; as many as there are processors unless set
    #[arg(long)]
    pub(crate) workers: Option<NonZeroUsize>,
    /// Print a line for each request: method, path, status, and Envoy's response flags
    #[arg(long)]
    pub(crate) access_log: bool,
}

/// What the upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UpstreamProtocol {
    H1,
    H2,
    Auto,
}

/// How often, and when, requests are retried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries {
    pub(crate) most: u32,
    pub(crate) on: RetryOn,
}

impl Flags {
    /// One of the two flags is enough: one retry, of all that may be worth it.
    pub(crate) fn retries(&self) -> Option<Retries> {
        let all = RetryOn::SERVER_ERROR
            | RetryOn::RESET
            | RetryOn::CONNECT_FAILURE
            | RetryOn::REFUSED_STREAM;
        (self.retries.is_some() || self.retry_on.is_some()).then(|| Retries {
            most: self.retries.unwrap_or(1),
            on: self.retry_on.unwrap_or(all),
        })
    }
}

/// Where to forward to.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
}

impl Upstream {
    /// As the pool knows it.
    pub(crate) fn destination(&self) -> Destination {
        let scheme = match self.is_tls() {
            true => limits::Scheme::Https,
            false => limits::Scheme::Http,
        };
        let port = self.authority.port_u16().unwrap_or(scheme.default_port());
        Destination::new(scheme, self.authority.host(), port)
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }
}

impl FromStr for Upstream {
    type Err = NoUpstream;

    fn from_str(text: &str) -> Result<Self, NoUpstream> {
        let parts = text.parse::<Uri>().map_err(|_| NoUpstream)?.into_parts();
        let scheme = parts.scheme.ok_or(NoUpstream)?;
        let authority = parts.authority.ok_or(NoUpstream)?;
        let is_known = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
        let has_path = parts.path_and_query.is_some_and(|path| path != "/");
        let has_user = authority.as_str().contains('@');
        let has_port = authority.port().is_some();
        let is_plain = !has_user && (has_port || authority.as_str() == authority.host());
        match is_known && !has_path && is_plain {
            true => Ok(Self { scheme, authority }),
            false => Err(NoUpstream),
        }
    }
}

/// The text names no upstream.
#[derive(Debug)]
pub(crate) struct NoUpstream;

impl fmt::Display for NoUpstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected http://HOST:PORT or https://HOST:PORT, with a port up to 65535")
    }
}

impl std::error::Error for NoUpstream {}

/// A duration: `15s`, `250ms`, `0.2s`.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let one = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("expected a number with a unit: us, ms, s or m".to_owned()),
    };
    let number = text[..text.len() - unit.len()].parse::<f64>();
    let number = number.map_err(|_| "expected a number before the unit")?;
    Duration::try_from_secs_f64(number * one).map_err(|error| error.to_string())
}
