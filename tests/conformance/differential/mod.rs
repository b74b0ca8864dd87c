//! Random scenarios through two proxies side by side. Envoy must not differ from itself, or the
//! scenarios are no good; `sidecar` must not differ from Envoy, but where it is to. At the end of
//! each, all that is under way is let end, and nothing may be left on either side.
//!
//! `CONFORMANCE_SEED` begins elsewhere. `CONFORMANCE_SCENARIOS` and `CONFORMANCE_AGAINST_ITSELF` say
//! how many there are. `CONFORMANCE_SCENARIO` names a file with one, as it is printed when the two
//! differ: that alone is played, and what was seen on both sides printed.

mod generate;
mod intended;
mod moment;
mod random;
mod remains;
mod shrink;

use self::intended::Hits;
use crate::compare::{self, Difference};
use crate::lanes;
use crate::player::{Ended, play_to_the_end};
use crate::proxy::{Envoy, OffByOne, Proxy, Sidecar};
use crate::scenario::Scenario;

/// How many are compared with Envoy, unless somebody asks for more.
const SCENARIOS: u64 = 380;
/// So many have to be compared in each step, or nothing is proved.
const LEAST: usize = 300;
/// Enough to see that they mean the same each time.
const AGAINST_ITSELF: u64 = 60;
/// Enough to meet each limit.
const OFF_BY_ONE: u64 = 6;

/// What was found of a scenario.
enum Verdict {
    Same { is_whole: bool },
    Differs(Box<Failure>),
}

/// What is to be said of two recordings of a scenario.
struct Judgement {
    differences: Vec<Difference>,
    /// Every step was compared.
    is_whole: bool,
}

impl Judgement {
    fn same() -> Self {
        Self {
            differences: Vec::new(),
            is_whole: true,
        }
    }
}

struct Failure {
    scenario: Scenario,
    differences: Vec<Difference>,
}

/// Finds all differences.
fn strictly(one: &Ended, other: &Ended, _: &Hits) -> Judgement {
    Judgement {
        differences: compare::scenarios(&one.seen, &other.seen),
        is_whole: true,
    }
}

/// Finds the differences that matter.
type Judge = fn(&Ended, &Ended, &Hits) -> Judgement;

async fn judged<A: Proxy, B: Proxy>(scenario: &Scenario, judge: Judge, hits: &Hits) -> Judgement {
    let (a, b) = tokio::join!(
        play_to_the_end::<A>(scenario),
        play_to_the_end::<B>(scenario)
    );
    let mut judgement = judge(&a, &b, hits);
    // Whatever could be compared until then.
    for (name, ended) in [(A::NAME, &a), (B::NAME, &b)] {
        judgement
            .differences
            .extend(remains::left(name, &ended.remains));
    }
    judgement
}

async fn verdict<A: Proxy, B: Proxy>(scenario: Scenario, judge: Judge, hits: &Hits) -> Verdict {
    let Judgement {
        differences: first,
        is_whole,
    } = judged::<A, B>(&scenario, judge, hits).await;
    if first.is_empty() {
        return Verdict::Same { is_whole };
    }
    let uncounted = Hits::default();
    let differences = async |scenario: &Scenario| {
        judged::<A, B>(scenario, judge, &uncounted)
            .await
            .differences
    };
    let differs = async |scenario: &Scenario| !differences(scenario).await.is_empty();
    // What does not come again cannot be shortened.
    let mut shortest = match differs(&scenario).await {
        true => shrink::shrink(scenario, differs).await,
        false => scenario,
    };
    let again = differences(&shortest).await;
    shortest.question = format!("{} and {} differ", A::NAME, B::NAME);
    Verdict::Differs(Box::new(Failure {
        scenario: shortest,
        differences: if again.is_empty() { first } else { again },
    }))
}

/// All that was found.
struct Report {
    played: usize,
    /// In each step.
    compared: usize,
    /// The shortest first.
    failures: Vec<Failure>,
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

fn compare_all<A: Proxy, B: Proxy>(scenarios: u64, judge: Judge, hits: &Hits) -> Report {
    let first = number("CONFORMANCE_SEED").unwrap_or(1);
    let seeds = (first..first + scenarios).collect();
    let verdicts = lanes::run(seeds, async |seed| {
        verdict::<A, B>(generate::scenario(seed), judge, hits).await
    });
    let mut report = Report {
        played: verdicts.len(),
        compared: 0,
        failures: Vec::new(),
    };
    for verdict in verdicts {
        match verdict {
            Verdict::Same { is_whole } => report.compared += usize::from(is_whole),
            Verdict::Differs(failure) => report.failures.push(*failure),
        }
    }
    let (a, b) = (A::NAME, B::NAME);
    eprintln!("{} scenarios played: {a} and {b}", report.played);
    eprintln!("{} scenarios compared: {a} and {b}", report.compared);
    report
        .failures
        .sort_by_key(|failure| failure.scenario.steps.len());
    report
}

impl Report {
    /// # Panics
    /// If they differ, with the shortest scenario in which they do.
    fn check(self) {
        for failure in self.failures.iter().skip(1) {
            eprintln!("{}: {}", failure.scenario.name, failure.differences[0]);
            eprintln!("{}", serde_json::to_string(&failure.scenario).unwrap());
        }
        if let Some(shortest) = self.failures.first() {
            for difference in &shortest.differences {
                eprintln!("{}: {difference}", shortest.scenario.name);
            }
            let json = serde_json::to_string(&shortest.scenario).unwrap();
            panic!("{} differ; the shortest:\n{json}", self.failures.len());
        }
    }
}

/// Plays a scenario on both sides, and prints both.
async fn show(scenario: Scenario) {
    let (envoy, sidecar) = tokio::join!(
        play_to_the_end::<Envoy>(&scenario),
        play_to_the_end::<Sidecar>(&scenario)
    );
    for Ended { seen, remains } in [&envoy, &sidecar] {
        eprintln!("{}", serde_json::to_string(seen).unwrap());
        eprintln!("{remains:?}");
    }
    for difference in compare::scenarios(&envoy.seen, &sidecar.seen) {
        eprintln!("{difference}");
    }
}

#[test]
fn envoy_does_not_differ_from_itself() {
    if Envoy::binary().is_none() {
        eprintln!("SKIPPED: ENVOY names no binary");
        return;
    }
    let scenarios = number("CONFORMANCE_AGAINST_ITSELF").unwrap_or(AGAINST_ITSELF);
    compare_all::<Envoy, Envoy>(scenarios, strictly, &Hits::default()).check();
}

#[test]
fn a_limit_that_is_off_by_one_is_found_and_the_scenario_shortened() {
    if Envoy::binary().is_none() {
        eprintln!("SKIPPED: ENVOY names no binary");
        return;
    }
    // The gauges of its limits would give it away before it does anything.
    let judge: Judge = |one, other, _| {
        let mut found = compare::scenarios(&one.seen, &other.seen);
        found.retain(|difference| !difference.field.starts_with("cb."));
        Judgement {
            differences: found,
            is_whole: true,
        }
    };
    let report = compare_all::<Envoy, OffByOne>(OFF_BY_ONE, judge, &Hits::default());
    let shortest = &report.failures[0].scenario;
    // Some that take what there is, and one too many.
    assert!(shortest.steps.len() <= 2, "{shortest:?}");
}

#[test]
fn sidecar_differs_from_envoy_only_where_it_is_to() {
    if Envoy::binary().is_none() || Sidecar::binary().is_none() {
        eprintln!("SKIPPED: ENVOY names no binary, or sidecar is not built");
        return;
    }
    if let Some(file) = std::env::var_os("CONFORMANCE_SCENARIO") {
        let scenario = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        return lanes::run(vec![scenario], show).clear();
    }
    let scenarios = number("CONFORMANCE_SCENARIOS").unwrap_or(SCENARIOS);
    let hits = Hits::default();
    let report = compare_all::<Envoy, Sidecar>(scenarios, intended::unintended, &hits);
    let never = hits.print();
    let compared = report.compared;
    report.check();
    if scenarios == SCENARIOS && number("CONFORMANCE_SEED").is_none() {
        assert!(compared >= LEAST, "{compared} scenarios compared");
        assert!(never.is_empty(), "of no use any more: {never:?}");
    }
}
