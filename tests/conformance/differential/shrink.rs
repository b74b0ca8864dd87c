//! From a scenario in which two proxies differ to a short one in which they still do.

use std::collections::BTreeSet;

use crate::scenario::{Action, ConnectionPool, Scenario};

/// How many shorter ones are tried at most.
const TRIES: usize = 150;

/// The shortest that was found for which `differs` still holds.
pub(super) async fn shrink(
    mut scenario: Scenario,
    differs: impl AsyncFn(&Scenario) -> bool,
) -> Scenario {
    let mut tries = TRIES;
    'shorter: loop {
        for candidate in candidates(&scenario) {
            if tries == 0 {
                return scenario;
            }
            tries -= 1;
            if differs(&candidate).await {
                scenario = candidate;
                continue 'shorter;
            }
        }
        return scenario;
    }
}

/// Those that lack one thing, the largest first.
fn candidates(scenario: &Scenario) -> Vec<Scenario> {
    let mut candidates = Vec::new();
    let count = scenario.steps.len();
    for length in [count / 2, count / 4, 1] {
        // From the end: what is at the start has brought the rest about.
        for end in (1..=count).rev().filter(|end| length > 0 && *end >= length) {
            let mut shorter = scenario.clone();
            shorter.steps.drain(end - length..end);
            candidates.extend(valid(&shorter).then_some(shorter));
        }
    }
    for id in requests(scenario) {
        candidates.push(without_request(scenario, &id));
    }
    for pool in simpler(
        &scenario
            .settings
            .connection_pool
            .clone()
            .unwrap_or_default(),
    ) {
        let mut simpler = scenario.clone();
        simpler.settings.connection_pool = Some(pool);
        candidates.push(simpler);
    }
    candidates
}

fn requests(scenario: &Scenario) -> BTreeSet<String> {
    let sent = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Send { ids, .. } => Some(ids),
        _ => None,
    });
    sent.flatten().cloned().collect()
}

/// Only who was sent can go away.
fn valid(scenario: &Scenario) -> bool {
    let sent = requests(scenario);
    scenario.steps.iter().all(|step| match &step.action {
        Action::Cancel { ids, .. } => ids.iter().all(|id| sent.contains(id)),
        _ => true,
    })
}

fn without_request(scenario: &Scenario, gone: &str) -> Scenario {
    let mut shorter = scenario.clone();
    shorter.steps.retain_mut(|step| match &mut step.action {
        Action::Send { ids, .. } | Action::Release { ids, .. } | Action::Cancel { ids, .. } => {
            ids.retain(|id| id != gone);
            !ids.is_empty()
        }
        _ => true,
    });
    shorter
}

/// Without one of its limits.
fn simpler(pool: &ConnectionPool) -> Vec<ConnectionPool> {
    let limits: [fn(&mut ConnectionPool) -> &mut Option<u32>; 6] = [
        |pool| &mut pool.tcp.max_connections,
        |pool| &mut pool.http.max_pending_requests,
        |pool| &mut pool.http.max_requests,
        |pool| &mut pool.http.max_requests_per_connection,
        |pool| &mut pool.http.max_retries,
        |pool| &mut pool.http.max_concurrent_streams,
    ];
    let without = limits.iter().filter_map(|limit| {
        let mut simpler = pool.clone();
        limit(&mut simpler).take().map(|_| simpler)
    });
    without.collect()
}
