//! What stands where in a set: blocks by their owner.

use super::{ObjectRef, RuleSet};
use crate::istio::Position;
use crate::istio::resource::{
    ConnectionPool, MeshSettings, OutlierDetection, PortPolicy, RetryBudget, SidecarSpec, Spanned,
    TrafficPolicy,
};
use crate::istio::select::{Level, Place, RuleId, SidecarId};
use crate::istio::translate::Owner;

/// A policy, of whichever level.
#[derive(Clone, Copy)]
enum PolicyRef<'a> {
    Whole(&'a Spanned<TrafficPolicy>),
    Port(&'a Spanned<PortPolicy>),
}

impl RuleSet {
    pub(in crate::istio) fn pool(&self, owner: Owner) -> Option<&Spanned<ConnectionPool>> {
        match owner {
            Owner::Rule(place) => match self.policy_at(place)? {
                PolicyRef::Whole(policy) => policy.connection_pool.as_ref(),
                PolicyRef::Port(policy) => policy.connection_pool.as_ref(),
            },
            Owner::Listener(sidecar, index) => {
                let listeners = self.sidecar(sidecar)?.ingress.as_ref()?;
                listeners.get(index as usize)?.connection_pool.as_ref()
            }
            Owner::Sidecar(sidecar) => self.sidecar(sidecar)?.inbound_connection_pool.as_ref(),
            Owner::Mesh => {
                let policy = self.mesh_settings()?.default_traffic_policy.as_ref()?;
                policy.connection_pool.as_ref()
            }
        }
    }

    pub(in crate::istio) fn outlier(&self, owner: Owner) -> Option<&Spanned<OutlierDetection>> {
        match owner {
            Owner::Rule(place) => match self.policy_at(place)? {
                PolicyRef::Whole(policy) => policy.outlier_detection.as_ref(),
                PolicyRef::Port(policy) => policy.outlier_detection.as_ref(),
            },
            Owner::Mesh => {
                let policy = self.mesh_settings()?.default_traffic_policy.as_ref()?;
                policy.outlier_detection.as_ref()
            }
            Owner::Listener(..) | Owner::Sidecar(_) => None,
        }
    }

    pub(in crate::istio) fn retry_budget(&self, owner: Owner) -> Option<&Spanned<RetryBudget>> {
        match owner {
            Owner::Rule(place) => match self.policy_at(place)? {
                PolicyRef::Whole(policy) => policy.retry_budget.as_ref(),
                PolicyRef::Port(_) => None,
            },
            Owner::Listener(..) | Owner::Sidecar(_) | Owner::Mesh => None,
        }
    }

    /// The object that a block stands in.
    pub(in crate::istio) fn owner(&self, owner: Owner) -> Option<ObjectRef<'_>> {
        match owner {
            Owner::Rule(place) => Some(self.rule_ref(place.rule)),
            Owner::Listener(sidecar, _) | Owner::Sidecar(sidecar) => {
                Some(ObjectRef::new(&self.sidecars[sidecar.0 as usize]))
            }
            Owner::Mesh => self.mesh.slot.as_ref().map(ObjectRef::new),
        }
    }

    pub(in crate::istio) fn sidecar(&self, sidecar: SidecarId) -> Option<&SidecarSpec> {
        let sidecar = self.sidecars[sidecar.0 as usize].sidecar();
        sidecar.spec.as_ref().map(|spec| &spec.value)
    }

    pub(in crate::istio) fn mesh_settings(&self) -> Option<&MeshSettings> {
        self.mesh.slot.as_ref()?.mesh()
    }

    /// The name of a subset, empty if it has none.
    pub(in crate::istio) fn subset_name(&self, rule: RuleId, index: u32) -> Option<&str> {
        let spec = self.rules[rule.0 as usize].rule().spec.as_ref()?;
        let subset = spec.subsets.as_ref()?.get(index as usize)?;
        subset.name.as_ref().map(|name| name.as_str())
    }

    /// Where a policy begins.
    pub(in crate::istio) fn policy_position(&self, place: Place) -> Option<Position> {
        Some(match self.policy_at(place)? {
            PolicyRef::Whole(policy) => policy.at,
            PolicyRef::Port(policy) => policy.at,
        })
    }

    fn policy_at(&self, place: Place) -> Option<PolicyRef<'_>> {
        let spec = self.rules[place.rule.0 as usize].rule().spec.as_ref()?;
        let (policy, port) = match place.level {
            Level::Top => (spec.traffic_policy.as_ref()?, None),
            Level::Port(port) => (spec.traffic_policy.as_ref()?, Some(port)),
            Level::Subset(subset) | Level::SubsetPort(subset, _) => {
                let subset = spec.subsets.as_ref()?.get(subset as usize)?;
                let port = match place.level {
                    Level::SubsetPort(_, port) => Some(port),
                    _ => None,
                };
                (subset.traffic_policy.as_ref()?, port)
            }
        };
        Some(match port {
            None => PolicyRef::Whole(policy),
            Some(port) => {
                let ports = policy.port_level_settings.as_ref()?;
                PolicyRef::Port(ports.get(port as usize)?)
            }
        })
    }
}
