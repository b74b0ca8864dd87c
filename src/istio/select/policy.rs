//! [`Policy`]: which blocks of which rules make up the policy of a host.

use crate::istio::translate::{Pool, RetryBudget};

/// A `DestinationRule` of the set, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::istio) struct RuleId(pub(in crate::istio) u32);

/// Which of a rule's policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::istio) enum Level {
    /// `spec.trafficPolicy`.
    Top,
    /// `spec.trafficPolicy.portLevelSettings[_]`.
    Port(u32),
    /// `spec.subsets[_].trafficPolicy`.
    Subset(u32),
    /// `spec.subsets[_].trafficPolicy.portLevelSettings[_]`.
    SubsetPort(u32, u32),
}

/// One policy of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::istio) struct Place {
    pub(in crate::istio) rule: RuleId,
    pub(in crate::istio) level: Level,
}

/// A policy, block by block: in which policy each stands, if in any. The blocks are of one rule
/// but where a rule made from the Gateway API fills the gaps of a user's.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::istio) struct Policy {
    /// Whose it is; of one that was filled the user's.
    pub(in crate::istio) rule: Option<RuleId>,
    pub(in crate::istio) pool: Option<Place>,
    /// What the pool says, for whoever looks it up.
    pub(in crate::istio) values: Option<Pool>,
    pub(in crate::istio) outlier: Option<Place>,
    pub(in crate::istio) retry_budget: Option<Place>,
    /// What the budget says.
    pub(in crate::istio) budget: Option<RetryBudget>,
    pub(in crate::istio) ports: Ports,
}

/// `portLevelSettings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::istio) struct Ports {
    /// By port, and those for the same one in their order.
    entries: Vec<PortEntry>,
}

/// An entry of `portLevelSettings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::istio) struct PortEntry {
    pub(in crate::istio) number: u32,
    /// Where it stands itself.
    pub(in crate::istio) place: Place,
    pub(in crate::istio) pool: Option<Place>,
    /// What the pool says, for whoever looks it up.
    pub(in crate::istio) values: Option<Pool>,
    pub(in crate::istio) outlier: Option<Place>,
}

impl Ports {
    pub(in crate::istio) fn new(mut entries: Vec<PortEntry>) -> Self {
        entries.sort_by_key(|entry| entry.number);
        Self { entries }
    }

    /// The entry that holds for a port: the first, where there are several.
    pub(in crate::istio) fn of(&self, port: u32) -> Option<&PortEntry> {
        let first = self.entries.partition_point(|entry| entry.number < port);
        let entry = self.entries.get(first)?;
        (entry.number == port).then_some(entry)
    }

    /// The entries that hold: one for each port.
    pub(in crate::istio) fn iter(&self) -> impl Iterator<Item = &PortEntry> {
        let of_port = self
            .entries
            .chunk_by(|one, other| one.number == other.number);
        of_port.filter_map(|entries| entries.first())
    }
}

impl Policy {
    /// The user's policy with its gaps filled from one that was made from the Gateway API.
    pub(super) fn over(&self, made: &Self) -> Self {
        Self {
            rule: self.rule.or(made.rule),
            pool: self.pool.or(made.pool),
            values: self.values.or(made.values),
            outlier: self.outlier.or(made.outlier),
            retry_budget: self.retry_budget.or(made.retry_budget),
            budget: self.budget.or(made.budget),
            ports: self.ports.over(&made.ports),
        }
    }
}

impl Ports {
    /// A port that both have is filled in its last entry, as Istio does it; the first is what
    /// holds.
    fn over(&self, made: &Self) -> Self {
        let mut entries = self.entries.clone();
        for filling in &made.entries {
            let same = self
                .entries
                .iter()
                .rposition(|entry| entry.number == filling.number);
            match same {
                Some(index) => {
                    let entry = &mut entries[index];
                    entry.pool = entry.pool.or(filling.pool);
                    entry.values = entry.values.or(filling.values);
                    entry.outlier = entry.outlier.or(filling.outlier);
                }
                None => entries.push(*filling),
            }
        }
        Self::new(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn place(rule: u32, level: Level) -> Place {
        Place {
            rule: RuleId(rule),
            level,
        }
    }

    fn entry(rule: u32, index: u32, number: u32, pool: bool) -> PortEntry {
        let place = place(rule, Level::Port(index));
        PortEntry {
            number,
            place,
            pool: pool.then_some(place),
            values: None,
            outlier: None,
        }
    }

    #[test]
    fn the_first_entry_for_a_port_holds() {
        let ports = Ports::new(vec![
            entry(0, 0, 90, true),
            entry(0, 1, 80, true),
            entry(0, 2, 80, false),
        ]);
        assert_eq!(ports.of(80), Some(&entry(0, 1, 80, true)));
        assert_eq!(ports.of(90), Some(&entry(0, 0, 90, true)));
        assert_eq!(ports.of(70), None);
        assert_eq!(Ports::default().of(80), None);
        let holding: Vec<_> = ports.iter().map(|entry| entry.place.level).collect();
        assert_eq!(holding, [Level::Port(1), Level::Port(0)]);
    }

    #[test]
    fn gaps_are_filled_block_by_block_and_port_by_port() {
        let top = |rule| Some(place(rule, Level::Top));
        let user = Policy {
            pool: top(0),
            ports: Ports::new(vec![entry(0, 0, 80, false), entry(0, 1, 90, true)]),
            ..Policy::default()
        };
        let made = Policy {
            pool: top(1),
            outlier: top(1),
            ports: Ports::new(vec![
                entry(1, 0, 80, true),
                entry(1, 1, 90, true),
                entry(1, 2, 70, true),
            ]),
            ..Policy::default()
        };
        let merged = user.over(&made);
        assert_eq!((merged.pool, merged.outlier), (top(0), top(1)));
        let pool_of = |port| merged.ports.of(port).unwrap().pool.unwrap().rule;
        assert_eq!([80, 90, 70].map(pool_of), [1, 0, 1].map(RuleId));
    }
}
