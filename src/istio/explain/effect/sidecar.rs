//! Of the `Sidecar` of the workload: what is about an Envoy that is not there, and pools for
//! other ports.

use super::{Effects, idle, place};
use crate::istio::explain::notes::Notes;
use crate::istio::path::Path;
use crate::istio::resource::{ConnectionPool, Listener, Resource, SidecarSpec, Spanned};

const OF_ENVOY: &str = "without effect: it concerns what an Envoy beside the service lets through, \
                        and here is none";

impl Effects<'_, '_> {
    pub(super) fn of_sidecar(&self) -> Option<Notes> {
        let object = self.settings.sidecar()?;
        let Resource::Sidecar(sidecar) = object.object() else {
            return None;
        };
        let mut notes = Notes::new(object.file());
        let path = object.meta().path();
        self.sidecar(sidecar.spec.as_ref()?, &path.field("spec"), &mut notes);
        Some(notes)
    }

    fn sidecar(&self, spec: &SidecarSpec, path: &Path<'_>, notes: &mut Notes) {
        let of_envoy = [
            ("egress", place(&spec.egress)),
            (
                "outboundTrafficPolicy",
                place(&spec.outbound_traffic_policy),
            ),
        ];
        idle(&of_envoy, OF_ENVOY, path, notes);
        let name = "inboundConnectionPool";
        self.unused_pool(&spec.inbound_connection_pool, &path.field(name), notes);
        let Some(listeners) = &spec.ingress else {
            return;
        };
        let path = path.field("ingress");
        for (index, listener) in listeners.iter().enumerate() {
            self.listener(listener, &path.item(index), notes);
        }
    }

    fn listener(&self, listener: &Listener, path: &Path<'_>, notes: &mut Notes) {
        let of_envoy = [
            ("bind", place(&listener.bind)),
            ("captureMode", place(&listener.capture_mode)),
            ("defaultEndpoint", place(&listener.default_endpoint)),
            ("tls", place(&listener.tls)),
        ];
        idle(&of_envoy, OF_ENVOY, path, notes);
        let pool = path.field("connectionPool");
        self.unused_pool(&listener.connection_pool, &pool, notes);
    }

    /// A pool of the `Sidecar` is noted unless it is the one that holds.
    fn unused_pool(
        &self,
        pool: &Option<Spanned<ConnectionPool>>,
        path: &Path<'_>,
        notes: &mut Notes,
    ) {
        let Some(pool) = pool else { return };
        let owner = self.settings.effective.pool;
        let holds = owner.and_then(|owner| self.settings.rules.pool(owner));
        match self.settings.connection_pool() {
            _ if holds.is_some_and(|holds| std::ptr::eq(holds, pool)) => {}
            Some(used) => {
                let why = format_args!("without effect: that of {used} holds for the port");
                notes.idle(pool.at, path, why);
            }
            None => notes.idle(pool.at, path, "without effect: it is for another port"),
        }
    }
}
