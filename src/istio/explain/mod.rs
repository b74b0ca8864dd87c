//! [`Explanation`]: every limit in force with its value and where it is from, what has no effect
//! and why, and what was probably not meant.
//!
//! What lives here decides nothing: it says of settings what `select` and `translate` made of the
//! rules. It looks once through all that concerns a query, so it is for people who ask, and not for
//! every request.
//!
//! ```
//! use meshpool::istio::{OnFull, Query, RuleSet, Service};
//!
//! let rules = RuleSet::builder()
//!     .document(
//!         "user.yaml",
//!         "apiVersion: networking.istio.io/v1
//! kind: DestinationRule
//! metadata: {name: user, namespace: demo}
//! spec:
//!   host: user
//!   trafficPolicy:
//!     connectionPool:
//!       http: {http2MaxRequests: 1, maxRetries: 3}
//! ",
//!     )
//!     .build();
//! let query = Query::inbound(Service::new("user").namespace("demo"));
//! let explanation = rules.explain(&query, OnFull::Refuse);
//!
//! let requests = &explanation.limits[0];
//! assert_eq!(requests.field, "max_requests");
//! assert_eq!(
//!     requests.source,
//!     "demo/user, spec.trafficPolicy.connectionPool.http.http2MaxRequests (user.yaml:8:32)"
//! );
//! let idle = &explanation.without_effect[0];
//! assert_eq!(idle.path(), "spec.trafficPolicy.connectionPool.http.maxRetries");
//! # assert_eq!(explanation.without_effect.len(), 1);
//! println!("{explanation}");
//! ```
//!
//! # Forms
//!
//! - Printed, it is a table.
#![cfg_attr(
    feature = "serde",
    doc = "- Serialized, it is what the example `explain` prints with `--json`: `valid`, `problems`,",
    doc = "  `enforced`, `limits` (what is enforced here), `effective` (what Istio would have Envoy do, by the",
    doc = "  names of Envoy's configuration), `provenance` (where each of that is from) and",
    doc = "  `without_effect`."
)]
//! - [`PAGE`] is a page for a browser that shows the serialized form, and keeps itself up to date.

mod asked;
mod effect;
mod effective;
mod enforced;
mod notes;
mod page;
mod row;
#[cfg(feature = "serde")]
mod serialize;
mod text;
mod traps;

use self::effect::{Effects, Scope};
use self::effective::Effective;
use self::notes::{Notes, warnings};
pub use self::page::{Load, PAGE};
pub use self::row::Row;
use super::problem::{Problem, bounded};
use super::rule_set::{Query, RuleSet};
use super::settings::Settings;
use super::translate::OnFull;

/// What is in force for some requests, and why. Printed, it is a table for people.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// For which requests, and which rule applies, in words.
    pub subject: String,
    /// Whether all that was read is valid. What is not is left out.
    pub valid: bool,
    /// What is wrong, and what was probably not meant.
    pub problems: Vec<Problem>,
    /// Whether the limits are enforced. What a pool does that only observes is not in the rules:
    /// whoever has one sets this to `false`.
    pub enforced: bool,
    /// The limits that are enforced here, the unlimited ones among them.
    pub limits: Vec<Row>,
    /// Every setting as Istio would give it to Envoy, which is more than is enforced here.
    pub provenance: Vec<Row>,
    /// The fields that have no effect on these requests here, and why.
    pub without_effect: Vec<Problem>,
    effective: Effective,
    /// How many of the problems, the first ones, are of all that was read, and not of these
    /// requests.
    of_all: usize,
}

impl Explanation {
    /// Explains some settings: those of a rule that was selected from a set.
    pub fn new(settings: &Settings<'_>, on_full: OnFull) -> Self {
        let mut explanation = Self::of(settings, on_full, Scope::Set);
        let asked = asked::find(settings);
        let traps = traps::find(settings).into_iter();
        let traps = traps.chain(traps::between_rules(settings)).chain(asked);
        explanation.add(traps.collect());
        let rules = settings.rules;
        explanation.valid = rules.is_valid();
        let of_set = rules.problems().iter().cloned();
        let of_query = rules.half_qualified_for(settings.query);
        let of_query = of_query.into_iter().chain(asked::outside(settings));
        let of_query = of_query.chain(settings.rules.unnamed_for(settings.query));
        let of_set = of_set.chain(of_query).chain(asked::of_nothing(rules));
        explanation.problems.splice(0..0, of_set);
        explanation.of_all = rules.problems().len();
        explanation
    }

    /// The same with at most so many problems of each severity of those that are of all that was
    /// read, and a word of how many more there are, for those who ask often. What concerns these
    /// requests stays.
    #[must_use]
    pub fn brief(mut self, most: usize) -> Self {
        let of_all = self.of_all.min(self.problems.len());
        let own = self.problems.split_off(of_all);
        self.problems = bounded(self.problems.into_iter(), most);
        self.of_all = self.problems.len();
        self.problems.extend(own);
        self
    }

    /// Explains the rule of a file, which is for whatever host.
    pub(super) fn of_file(settings: &Settings<'_>, on_full: OnFull) -> Self {
        Self::of(settings, on_full, Scope::File)
    }

    fn of(settings: &Settings<'_>, on_full: OnFull, scope: Scope) -> Self {
        let values = settings.values();
        let mut explanation = Self {
            subject: text::subject(settings, scope),
            valid: true,
            problems: Vec::new(),
            enforced: true,
            limits: enforced::rows(settings, &values, on_full),
            provenance: values.iter().map(Row::from).collect(),
            without_effect: Vec::new(),
            effective: Effective::new(settings, &values),
            of_all: 0,
        };
        let effects = Effects {
            settings,
            on_full,
            scope,
        };
        explanation.add(effects.find());
        explanation
    }

    fn add(&mut self, notes: Vec<Notes>) {
        for notes in notes {
            let (idle, lints) = notes.into_parts();
            self.problems.extend(warnings(&idle).cloned());
            self.problems.extend(lints);
            self.without_effect.extend(idle);
        }
    }

    /// What is known of a file that was read for this: its problems, of which any that is an error
    /// makes it invalid.
    #[must_use]
    pub(super) fn with(mut self, problems: &[Problem], is_valid: bool) -> Self {
        self.valid &= is_valid;
        self.problems.splice(0..0, problems.iter().cloned());
        self.of_all += problems.len();
        self
    }

    /// All that is worth knowing though it is valid, in the order of the file.
    pub(super) fn notices(&self) -> Vec<Problem> {
        let idle = self.without_effect.iter();
        let lints = self.problems.iter();
        let lints = lints.filter(|problem| !self.without_effect.contains(problem));
        let mut notices: Vec<Problem> = idle.chain(lints).cloned().collect();
        notices.sort_by_key(Problem::position);
        notices
    }
}

impl RuleSet {
    /// Explains what applies to these requests: see [`explain`](super::explain).
    pub fn explain(&self, query: &Query, on_full: OnFull) -> Explanation {
        Explanation::new(&self.settings(query), on_full)
    }
}
