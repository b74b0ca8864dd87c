//! What a rule does not do here, and what it does that was probably not meant: nothing is ignored
//! in silence.

mod inbound;
mod keep_alive;
mod levels;
mod outbound;
mod sidecar;

use super::notes::Notes;
use crate::istio::OnFull;
use crate::istio::path::Path;
use crate::istio::problem::Position;
use crate::istio::resource::{ConnectionPool, Resource, Spanned, Spec};
use crate::istio::select::RuleId;
use crate::istio::settings::Settings;
use crate::istio::translate::Owner;

const NOT_YET: &str =
    "accepted and not applied: the pool of spec.trafficPolicy holds for every port and subset";
const FILE_IS_THE_CHOICE: &str =
    "without effect: the rule applies because this process reads its file";
const OF_SELECTOR: &str =
    "without effect: a rule with a workloadSelector is for its own namespace alone";
const OF_CLIENTS: &str = "without effect: it concerns the client's side of a connection, and here \
                          the rule limits the requests that are served";
const OF_MESH: &str = "without effect: it concerns how a client finds and reaches the service";

/// Which rules there are beside the one that is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// None: it is the one of a file, for whatever host, port and subset.
    File,
    /// Those of a set, of which it was selected.
    Set,
}

/// Looks through all that says something of some settings.
pub(super) struct Effects<'a, 's> {
    pub(super) settings: &'s Settings<'a>,
    pub(super) on_full: OnFull,
    pub(super) scope: Scope,
}

impl Effects<'_, '_> {
    /// The fields without effect, and doubtful combinations, object by object.
    pub(super) fn find(&self) -> Vec<Notes> {
        let from = self.settings.entry.map_or(&[][..], |entry| &entry.from);
        let mut found: Vec<Notes> = from.iter().map(|rule| self.of_rule(*rule)).collect();
        found.extend(self.of_another());
        found.extend(self.of_mesh_keep_alive());
        found.extend(self.of_sidecar());
        found
    }

    fn of_rule(&self, id: RuleId) -> Notes {
        let object = self.settings.rules.rule_ref(id);
        let mut notes = Notes::new(object.file());
        if let Resource::DestinationRule(rule) = object.object() {
            if let Some(spec) = &rule.spec {
                let root = rule.meta.path();
                self.spec(id, spec, &root.field("spec"), &mut notes);
            }
        }
        notes
    }

    fn spec(&self, id: RuleId, spec: &Spec, path: &Path<'_>, notes: &mut Notes) {
        let export_to = [("exportTo", place(&spec.export_to))];
        let selector = [("workloadSelector", place(&spec.workload_selector))];
        match self.scope {
            Scope::File => {
                idle(&export_to, FILE_IS_THE_CHOICE, path, notes);
                idle(&selector, FILE_IS_THE_CHOICE, path, notes);
                let subsets = [("subsets", place(&spec.subsets))];
                idle(&subsets, NOT_YET, path, notes);
            }
            Scope::Set => {
                if spec.workload_selector.is_some() {
                    idle(&export_to, OF_SELECTOR, path, notes);
                }
                self.subsets(id, spec, path, notes);
            }
        }
        if let Some(policy) = &spec.traffic_policy {
            self.policy(id, policy, &path.field("trafficPolicy"), notes);
        }
    }

    /// A pool that is not the rule's: of a `Sidecar`, or of the mesh.
    fn of_another(&self) -> Option<Notes> {
        let owner = self.settings.effective.pool?;
        if matches!(owner, Owner::Rule(_)) {
            return None;
        }
        let source = self.settings.connection_pool()?;
        let field = source.field()?;
        let mut notes = Notes::new(field.object().file());
        let path = field.path();
        let pool = self.settings.rules.pool(owner)?;
        self.inside(pool, &Path::Given(&path), &mut notes);
        Some(notes)
    }

    /// What has no effect in a pool that holds.
    fn inside(&self, pool: &Spanned<ConnectionPool>, path: &Path<'_>, notes: &mut Notes) {
        match self.settings.query.is_inbound() {
            true => inbound::inside(self.settings, self.on_full, pool, path, notes),
            false => outbound::inside(self.settings, pool, path, notes),
        }
        idle_timeouts(pool, path, notes);
    }
}

fn place<T>(field: &Option<Spanned<T>>) -> Option<Position> {
    field.as_ref().map(|field| field.at)
}

/// Notes each field that is there.
fn idle(fields: &[(&str, Option<Position>)], why: &str, path: &Path<'_>, notes: &mut Notes) {
    for (name, at) in fields {
        if let Some(at) = at {
            notes.idle(*at, &path.field(name), why);
        }
    }
}

/// Both may be set, and one holds.
fn idle_timeouts(pool: &ConnectionPool, path: &Path<'_>, notes: &mut Notes) {
    let of_tcp = pool.tcp.as_ref().and_then(|tcp| tcp.idle_timeout);
    let of_http = pool.http.as_ref().and_then(|http| http.idle_timeout);
    if let (Some(overridden), Some(winner)) = (of_tcp, of_http) {
        notes.idle(
            overridden.at,
            &path.field("tcp").field("idleTimeout"),
            format_args!("without effect: http.idleTimeout ({}) wins", winner.value),
        );
    }
}

/// People write 0 for *none*, and get *any number*.
fn zero(value: Option<Spanned<i32>>, path: &Path<'_>, notes: &mut Notes) {
    if let Some(Spanned { value: 0, at }) = value {
        notes.lint(at, path, "0 is unset, that is unlimited");
    }
}

/// A connection for each request, where one was to carry many.
fn one_request(settings: &Settings<'_>, pool: &ConnectionPool, path: &Path<'_>, notes: &mut Notes) {
    use crate::istio::settings::UpstreamProtocol::ExplicitHttp2;

    let spoken = settings.envoy.http.map(|http| http.upstream_protocol);
    if !settings.protocol.is_http2() && spoken != Some(ExplicitHttp2) {
        return;
    }
    let http = pool.http.as_ref();
    let requests = http.and_then(|http| http.max_requests_per_connection);
    if let Some(Spanned { value: 1, at }) = requests {
        notes.lint(
            at,
            &path.field("maxRequestsPerConnection"),
            "1 on HTTP/2 (and gRPC) is a new connection for each request, with its handshakes, \
             where one would carry many at once; set it to some hundred or more, or leave it out",
        );
    }
}
