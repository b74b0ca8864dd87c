//! Random scenarios through two proxies side by side. Envoy must not differ from itself, or the
//! scenarios are no good; `sidecar` must not differ from Envoy, but where it is to.
//!
//! `CONFORMANCE_SEED` begins elsewhere, and `CONFORMANCE_SCENARIOS` says how many there are.

mod generate;
mod intended;
mod random;
mod shrink;

use self::intended::Hits;
use crate::compare::{self, Difference};
use crate::lanes;
use crate::player::play;
use crate::proxy::{Envoy, Proxy, Sidecar};
use crate::scenario::Scenario;

/// How many are compared with Envoy, unless somebody asks for more.
const SCENARIOS: u64 = 320;
/// Enough to see that they mean the same each time.
const AGAINST_ITSELF: u64 = 60;
/// One in so many may differ once, and not again: the machine has other things to do.
const ONE_IN: usize = 50;

/// What was found of a scenario.
enum Verdict {
    Same,
    /// They differed, and did not when it was played again.
    Once(String),
    Differs(Box<Failure>),
}

struct Failure {
    scenario: Scenario,
    differences: Vec<Difference>,
}

/// Finds the differences that matter.
type Judge = fn(&Scenario, &Scenario, &Hits) -> Vec<Difference>;

async fn differences<A: Proxy, B: Proxy>(
    scenario: &Scenario,
    judge: Judge,
    hits: &Hits,
) -> Vec<Difference> {
    let (a, b) = tokio::join!(play::<A>(scenario), play::<B>(scenario));
    judge(&a, &b, hits)
}

async fn verdict<A: Proxy, B: Proxy>(scenario: Scenario, judge: Judge, hits: &Hits) -> Verdict {
    let first = differences::<A, B>(&scenario, judge, hits).await;
    if first.is_empty() {
        return Verdict::Same;
    }
    let uncounted = Hits::default();
    let differs = async |scenario: &Scenario| {
        !differences::<A, B>(scenario, judge, &uncounted)
            .await
            .is_empty()
    };
    if !differs(&scenario).await {
        return Verdict::Once(format!("{}: {}", scenario.name, first[0]));
    }
    let mut shortest = shrink::shrink(scenario, differs).await;
    let again = differences::<A, B>(&shortest, judge, &uncounted).await;
    shortest.question = format!("{} and {} differ", A::NAME, B::NAME);
    Verdict::Differs(Box::new(Failure {
        scenario: shortest,
        differences: if again.is_empty() { first } else { again },
    }))
}

/// Compares them in all, and shows the shortest of those in which they differ.
fn compare_all<A: Proxy, B: Proxy>(scenarios: u64, judge: Judge) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let first = number("CONFORMANCE_SEED").unwrap_or(1);
    let count = number("CONFORMANCE_SCENARIOS").unwrap_or(scenarios);
    let hits = Hits::default();
    let seeds = (first..first + count).collect();
    let verdicts = lanes::run(seeds, async |seed| {
        verdict::<A, B>(generate::scenario(seed), judge, &hits).await
    });
    let compared = verdicts.len();
    let (mut once, mut failures) = (0, Vec::new());
    for verdict in verdicts {
        match verdict {
            Verdict::Same => {}
            Verdict::Once(what) => {
                eprintln!("differed once: {what}");
                once += 1;
            }
            Verdict::Differs(failure) => failures.push(failure),
        }
    }
    hits.print();
    eprintln!("{compared} scenarios compared: {} and {}", A::NAME, B::NAME);
    failures.sort_by_key(|failure| failure.scenario.steps.len());
    for failure in failures.iter().skip(1) {
        eprintln!("{}: {}", failure.scenario.name, failure.differences[0]);
    }
    if let Some(shortest) = failures.first() {
        for difference in &shortest.differences {
            eprintln!("{}: {difference}", shortest.scenario.name);
        }
        let json = serde_json::to_string(&shortest.scenario).unwrap();
        panic!("{} differ; the shortest:\n{json}", failures.len());
    }
    assert!(once <= compared / ONE_IN, "{once} differed once");
}

#[test]
fn envoy_does_not_differ_from_itself() {
    if Envoy::binary().is_none() {
        eprintln!("SKIPPED: ENVOY names no binary");
        return;
    }
    compare_all::<Envoy, Envoy>(AGAINST_ITSELF, |one, other, _| {
        compare::scenarios(one, other)
    });
}

#[test]
fn sidecar_differs_from_envoy_only_where_it_is_to() {
    if Envoy::binary().is_none() || Sidecar::binary().is_none() {
        eprintln!("SKIPPED: ENVOY names no binary, or sidecar is not built");
        return;
    }
    compare_all::<Envoy, Sidecar>(SCENARIOS, intended::unintended);
}
