//! The pools of a `Sidecar`.

use super::pool::connection_pool;
use crate::istio::problem::Report;
use crate::istio::resource::Sidecar;

pub(super) fn sidecar(sidecar: &Sidecar, report: &mut Report) {
    let root = sidecar.meta.path();
    let path = root.field("spec");
    let Some(spec) = &sidecar.spec else { return };
    if let Some(pool) = &spec.inbound_connection_pool {
        connection_pool(pool, &path.field("inboundConnectionPool"), report);
    }
    let ingress = path.field("ingress");
    for (index, listener) in spec.ingress.iter().flat_map(|list| list.iter()).enumerate() {
        if let Some(pool) = &listener.connection_pool {
            let path = ingress.item(index);
            connection_pool(pool, &path.field("connectionPool"), report);
        }
    }
}
