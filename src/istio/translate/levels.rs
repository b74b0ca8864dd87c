//! Which of the blocks that are written for a service holds: levels of ports and subsets, the
//! mesh's defaults, and inbound a `Sidecar`.
//!
//! A block replaces another as a whole. A subset takes from its rule what it does not have; an
//! entry of `portLevelSettings` takes nothing from anybody: what it does not have is unset.

use super::{Pool, RetryBudget};
use crate::istio::select::{Place, Policy, PortEntry, SidecarId};

/// Whose a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::istio) enum Owner {
    /// A policy of a `DestinationRule`.
    Rule(Place),
    /// `Sidecar.spec.ingress[_].connectionPool`.
    Listener(SidecarId, u32),
    /// `Sidecar.spec.inboundConnectionPool`.
    Sidecar(SidecarId),
    /// `MeshConfig.defaultTrafficPolicy`.
    Mesh,
}

/// The blocks of one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::istio) struct Level {
    pub(in crate::istio) pool: Option<Owner>,
    pub(in crate::istio) outlier: Option<Owner>,
    pub(in crate::istio) retry_budget: Option<Owner>,
}

/// All that is written for a service.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::istio) struct Levels<'a> {
    pub(in crate::istio) rule: Option<&'a Policy>,
    pub(in crate::istio) subset: Option<&'a Policy>,
    /// Which entries of `portLevelSettings` hold.
    pub(in crate::istio) port: Option<u32>,
    pub(in crate::istio) mesh: Level,
    /// Inbound, the pool of a `Sidecar`.
    pub(in crate::istio) sidecar: Option<Owner>,
}

impl Level {
    fn of_policy(policy: &Policy) -> Self {
        Self {
            pool: policy.pool.map(Owner::Rule),
            outlier: policy.outlier.map(Owner::Rule),
            retry_budget: policy.retry_budget.map(Owner::Rule),
        }
    }

    fn of_port(entry: &PortEntry) -> Self {
        Self {
            pool: entry.pool.map(Owner::Rule),
            outlier: entry.outlier.map(Owner::Rule),
            retry_budget: None,
        }
    }

    /// What it has, and what it lacks from another.
    fn or(self, other: Self) -> Self {
        Self {
            pool: self.pool.or(other.pool),
            outlier: self.outlier.or(other.outlier),
            retry_budget: self.retry_budget.or(other.retry_budget),
        }
    }
}

impl<'a> Levels<'a> {
    /// The blocks that hold.
    pub(in crate::istio) fn effective(&self) -> Level {
        let rule = self.rule.map(Level::of_policy).unwrap_or_default();
        let base = self.rule_port().map_or(rule, Level::of_port).or(self.mesh);
        let subset = match (self.subset_port(), self.subset) {
            // It replaces both blocks, if only by nothing; the rule's budget stays.
            (Some(entry), _) => Level {
                retry_budget: base.retry_budget,
                ..Level::of_port(entry)
            },
            (None, Some(policy)) => Level::of_policy(policy).or(base),
            (None, None) => base,
        };
        Level {
            pool: self.sidecar.or(subset.pool),
            ..subset
        }
    }

    /// The entry of the rule's `portLevelSettings` that holds.
    pub(in crate::istio) fn rule_port(&self) -> Option<&'a PortEntry> {
        self.rule?.ports.of(self.port?)
    }

    /// The entry of the subset's `portLevelSettings` that holds.
    pub(in crate::istio) fn subset_port(&self) -> Option<&'a PortEntry> {
        self.subset?.ports.of(self.port?)
    }

    /// What the pool of a rule says, of those that may hold.
    pub(in crate::istio) fn values(&self, owner: Owner) -> Option<&'a Pool> {
        let ports = [self.subset_port(), self.rule_port()].into_iter().flatten();
        let ports = ports.map(|entry| (entry.pool, &entry.values));
        let policies = [self.subset, self.rule].into_iter().flatten();
        let policies = policies.map(|policy| (policy.pool, &policy.values));
        let mut all = ports.chain(policies);
        all.find_map(
            |(place, values)| match place.map(Owner::Rule) == Some(owner) {
                true => values.as_ref(),
                false => None,
            },
        )
    }

    /// What the retry budget of a rule says, of those that may hold.
    pub(in crate::istio) fn budget(&self, owner: Owner) -> Option<RetryBudget> {
        let policies = [self.subset, self.rule].into_iter().flatten();
        let mut budgets = policies.map(|policy| (policy.retry_budget, policy.budget));
        budgets
            .find(|(place, _)| place.map(Owner::Rule) == Some(owner))
            .and_then(|(_, budget)| budget)
    }

    /// Every level there is, those that come first before the others.
    pub(in crate::istio) fn all(&self) -> impl Iterator<Item = Level> {
        let sidecar = Level {
            pool: self.sidecar,
            ..Level::default()
        };
        [
            Some(sidecar),
            self.subset_port().map(Level::of_port),
            self.subset.map(Level::of_policy),
            self.rule_port().map(Level::of_port),
            self.rule.map(Level::of_policy),
            Some(self.mesh),
        ]
        .into_iter()
        .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::istio::select::{Level as At, Ports, RuleId};

    const fn at(level: At) -> Place {
        Place {
            rule: RuleId(0),
            level,
        }
    }

    const TOP: Place = at(At::Top);
    const PORT: Place = at(At::Port(0));
    const SUBSET: Place = at(At::Subset(0));
    const SUBSET_PORT: Place = at(At::SubsetPort(0, 0));
    const MESH: Level = Level {
        pool: Some(Owner::Mesh),
        outlier: Some(Owner::Mesh),
        retry_budget: None,
    };

    /// A policy with all blocks, and an entry for port 80 with or without a pool.
    fn policy(place: Place, port: Option<(Place, bool)>) -> Policy {
        let entry = port.map(|(place, pool)| PortEntry {
            number: 80,
            place,
            pool: pool.then_some(place),
            values: None,
            outlier: None,
        });
        Policy {
            rule: Some(place.rule),
            pool: Some(place),
            values: None,
            outlier: Some(place),
            retry_budget: Some(place),
            budget: None,
            ports: Ports::new(entry.into_iter().collect()),
        }
    }

    fn effective(
        rule: &Policy,
        subset: Option<&Policy>,
        port: u32,
        mesh: Level,
    ) -> [Option<Owner>; 3] {
        let levels = Levels {
            rule: Some(rule),
            subset,
            port: Some(port),
            mesh,
            sidecar: None,
        };
        let Level {
            pool,
            outlier,
            retry_budget,
        } = levels.effective();
        [pool, outlier, retry_budget]
    }

    #[test]
    fn an_entry_of_a_port_takes_nothing_from_its_rule() {
        let rule = policy(TOP, Some((PORT, false)));
        let own = Some(Owner::Rule(TOP));
        assert_eq!(effective(&rule, None, 90, MESH), [own; 3]);
        assert_eq!(effective(&rule, None, 80, Level::default()), [None; 3]);
        // But from the mesh.
        let mesh = Some(Owner::Mesh);
        assert_eq!(effective(&rule, None, 80, MESH), [mesh, mesh, None]);
    }

    #[test]
    fn a_subset_takes_what_it_lacks_and_its_port_takes_the_budget_alone() {
        let rule = policy(TOP, Some((PORT, true)));
        let of_rule = |place| Some(Owner::Rule(place));
        let empty = Policy::default();
        let port = of_rule(PORT);
        assert_eq!(
            effective(&rule, Some(&empty), 80, MESH),
            [port, MESH.outlier, None]
        );
        let subset = policy(SUBSET, None);
        assert_eq!(
            effective(&rule, Some(&subset), 80, MESH),
            [of_rule(SUBSET); 3]
        );
        let subset = policy(SUBSET, Some((SUBSET_PORT, false)));
        let rule = policy(TOP, None);
        assert_eq!(
            effective(&rule, Some(&subset), 80, MESH),
            [None, None, of_rule(TOP)]
        );
    }

    #[test]
    fn a_sidecar_replaces_the_pool_and_nothing_else() {
        let rule = policy(TOP, None);
        let sidecar = Some(Owner::Sidecar(SidecarId(3)));
        let levels = Levels {
            rule: Some(&rule),
            sidecar,
            mesh: MESH,
            ..Levels::default()
        };
        let own = Some(Owner::Rule(TOP));
        let expected = Level {
            pool: sidecar,
            outlier: own,
            retry_budget: own,
        };
        assert_eq!(levels.effective(), expected);
        let pools: Vec<_> = levels.all().filter_map(|level| level.pool).collect();
        assert_eq!(pools, [sidecar, own, Some(Owner::Mesh)].map(Option::unwrap));
    }
}
