//! [`Settings`]: what applies to some requests, in Envoy's terms, and where each value is from.
//!
//! ```
//! use meshpool::istio::settings::{Source, Value};
//! use meshpool::istio::{Query, RuleSet, Service};
//!
//! let rules = RuleSet::builder()
//!     .document(
//!         "reviews.yaml",
//!         "apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: {name: reviews, namespace: default}
//! spec:
//!   host: reviews
//!   trafficPolicy:
//!     connectionPool:
//!       http: {http2MaxRequests: 10}
//!     portLevelSettings:
//!     - port: {number: 9080}
//!       connectionPool:
//!         tcp: {maxConnections: 5}
//! ",
//!     )
//!     .build();
//! let query = Query::outbound(Service::new("reviews").namespace("default").port(9080));
//! let settings = rules.settings(&query);
//! assert_eq!(settings.selected().unwrap().to_string(), "default/reviews");
//!
//! let values = settings.values();
//! let requests = values.iter().find(|it| it.name() == "thresholds.max_requests").unwrap();
//! // The entry of the port replaces all that is said of other ports.
//! assert_eq!(requests.value(), Value::Number(4294967295));
//! assert!(matches!(requests.source(), Source::Default));
//! assert_eq!(
//!     requests.overrode()[0].to_string(),
//!     "default/reviews, spec.trafficPolicy.connectionPool.http.http2MaxRequests \
//!      (reviews.yaml:8:32)"
//! );
//! ```

mod field;
mod names;
mod setting;
mod source;
mod values;

use std::fmt;

pub use self::names::EntryRef;
pub use self::setting::{Setting, Value};
use self::source::Within;
pub use self::source::{FieldRef, Source};
use super::Protocol;
pub use super::resource::GoDuration;
use super::resource::{self, Spanned};
use super::rule_set::{Mesh, ObjectRef, Query, Quirk, RuleSet};
use super::select::{Candidates, Entry, Place, QuirkOf, SidecarId, Subset};
pub use super::translate::{
    CommonHttpOptions, Http2Keepalive, HttpProtocolOptions, OutlierDetection, RetryBudget,
    TcpKeepalive, Thresholds, UpstreamProtocol,
};
use super::translate::{Envoy, Level, Levels, OnFull, Owner, inbound_limits, outbound_limits};
use crate::limits::Limits;

/// What applies to some requests, and why.
///
/// It is made by [`RuleSet::settings`], and costs nothing for what is not asked of it: texts are
/// made when they are printed.
pub struct Settings<'a> {
    pub(super) rules: &'a RuleSet,
    pub(super) query: &'a Query,
    pub(super) candidates: Candidates<'a>,
    pub(super) entry: Option<&'a Entry>,
    pub(super) subset: Option<&'a Subset>,
    pub(super) sidecar: Option<SidecarId>,
    pub(super) levels: Levels<'a>,
    pub(super) effective: Level,
    pub(super) protocol: Protocol,
    pub(super) envoy: Envoy<'a>,
}

impl<'a> Settings<'a> {
    /// What was asked.
    pub fn query(&self) -> &'a Query {
        self.query
    }

    /// The rule that applies, with those that were merged into it; none if no rule does.
    pub fn selected(&self) -> Option<EntryRef<'a>> {
        self.entry.map(|entry| EntryRef::new(self.rules, entry))
    }

    /// The rules for the host that the client sees, one of which may be
    /// [selected](Self::selected), in their order.
    pub fn candidates(&self) -> impl Iterator<Item = EntryRef<'a>> {
        let rules = self.rules;
        let entries = self.candidates.iter();
        entries.map(move |entry| EntryRef::new(rules, entry))
    }

    /// The names of the selected rule's subsets.
    pub fn subsets(&self) -> impl Iterator<Item = &'a str> {
        let rules = self.rules;
        let subsets = self
            .entry
            .into_iter()
            .flat_map(|entry| entry.subsets.iter());
        subsets.filter_map(|subset| rules.subset_name(subset.rule, subset.index))
    }

    /// The subset that was asked for, if the rule has it.
    pub fn subset(&self) -> Option<&'a str> {
        let subset = self.subset?;
        self.rules.subset_name(subset.rule, subset.index)
    }

    /// The `Sidecar` of the workload. Inbound only.
    pub fn sidecar(&self) -> Option<ObjectRef<'a>> {
        self.rules.owner(Owner::Sidecar(self.sidecar?))
    }

    /// The `connectionPool` that holds, if one does: whatever it leaves out is unset.
    pub fn connection_pool(&self) -> Option<Source<'a>> {
        self.pool_of(self.effective.pool?).map(Source::new)
    }

    /// The `retryBudget` that holds, if one does.
    pub fn retry_budget(&self) -> Option<Source<'a>> {
        let owner = self.effective.retry_budget?;
        let at = self.rules.retry_budget(owner)?.at;
        let field = FieldRef::new(self.rules, Within::RetryBudget(owner), "", at)?;
        Some(Source::new(field))
    }

    /// The entry of the rule's `portLevelSettings` that holds: whatever it leaves out of pool,
    /// outlier detection and retry budget does not come from the rule either.
    pub fn port_level(&self) -> Option<Source<'a>> {
        let entry = self.levels.rule_port()?;
        self.policy_at(entry.place).map(Source::new)
    }

    /// The same of the subset.
    pub fn subset_port_level(&self) -> Option<Source<'a>> {
        let entry = self.levels.subset_port()?;
        self.policy_at(entry.place).map(Source::new)
    }

    /// A policy of a rule, or an entry of its `portLevelSettings`.
    pub(super) fn policy_at(&self, place: Place) -> Option<FieldRef<'a>> {
        let at = self.rules.policy_position(place)?;
        let within = Within::Policy(Owner::Rule(place));
        FieldRef::new(self.rules, within, "", at)
    }

    /// The pool in such a policy.
    pub(super) fn pool_at(&self, place: Place) -> Option<FieldRef<'a>> {
        self.pool_of(Owner::Rule(place))
    }

    fn pool_of(&self, owner: Owner) -> Option<FieldRef<'a>> {
        let at = self.rules.pool(owner)?.at;
        FieldRef::new(self.rules, Within::Pool(owner), "", at)
    }

    /// The `tcpKeepalive` of the mesh, which fills in what that of the pool leaves out.
    pub(super) fn tcp_keepalive_of_mesh(
        &self,
    ) -> Option<(FieldRef<'a>, &'a Spanned<resource::TcpKeepalive>)> {
        let block = self.rules.mesh_settings()?.tcp_keepalive.as_ref()?;
        let field = FieldRef::new(self.rules, Within::Mesh, "tcpKeepalive", block.at)?;
        Some((field, block))
    }

    /// What the port speaks: what the query says, but where a `Sidecar` has a listener for it.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Where Istio's selection did something odd with the rules for this host, seen by the client
    /// or not.
    pub fn quirks(&self) -> impl Iterator<Item = Quirk<'a>> {
        let rules = self.rules;
        let groups = self.candidates.groups.into_iter().flatten();
        let quirks = groups.flat_map(|group| group.quirks.iter());
        quirks.map(move |quirk: &QuirkOf| rules.quirk(*quirk))
    }

    /// The thresholds of the circuit breakers.
    pub fn thresholds(&self) -> Thresholds {
        self.envoy.thresholds
    }

    /// How long a connect may take: `tcp.connectTimeout`, else the mesh's, else ten seconds.
    pub fn connect_timeout(&self) -> GoDuration {
        self.envoy.connect_timeout.unwrap_or(Mesh::CONNECT_TIMEOUT)
    }

    /// The keepalive of connections, if there is any.
    pub fn tcp_keepalive(&self) -> Option<TcpKeepalive> {
        self.envoy.tcp_keepalive
    }

    /// The options of HTTP, if there are any.
    pub fn http_protocol_options(&self) -> Option<HttpProtocolOptions> {
        self.envoy.http
    }

    /// The outlier detection, if there is any. Outbound only.
    pub fn outlier_detection(&self) -> Option<OutlierDetection<'a>> {
        self.envoy.outlier
    }

    /// The limits that follow: inbound those of the requests that the workload serves, where
    /// `on_full` says what becomes of a request that finds all slots taken; outbound those of the
    /// client's pool.
    pub fn limits(&self, on_full: OnFull) -> Limits {
        match self.query.is_inbound() {
            true => inbound_limits(&self.envoy, self.protocol, on_full),
            false => outbound_limits(&self.envoy),
        }
    }
}

impl fmt::Debug for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("query", self.query)
            .field("selected", &self.selected())
            .field("subset", &self.subset())
            .field("envoy", &self.envoy)
            .finish_non_exhaustive()
    }
}
