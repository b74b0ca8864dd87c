//! What a real Envoy was seen to do, replayed against the pure state machine of a destination.
//!
//! `observations.json` holds 99 scenarios recorded with Envoy 1.40. Each is played step by step
//! ([`player`]), and everything that was seen of Envoy is compared with what is seen here.
//! `verdicts.tsv` says for each scenario and field whether it is the same, or better on purpose,
//! and then how exactly and why, or out of scope, and why.

mod crowd;
mod fields;
#[path = "../envoy/observations.rs"]
mod observations;
mod observed;
mod player;
#[path = "../envoy/scenario/mod.rs"]
mod scenario;
mod verdicts;

use std::collections::BTreeSet;

use player::Player;
use verdicts::{Verdict, Verdicts};

/// A test for each scenario, and a list of their names.
macro_rules! replay {
    ($($name:ident),* $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        mod replay {
            $(
                #[test]
                fn $name() {
                    crate::replay(stringify!($name));
                }
            )*
        }
    };
}

replay! {
    cancel_active_h1,
    cancel_active_h1_requests1,
    cancel_active_rst,
    cancel_only_pending_connecting_h1,
    cancel_pending_connecting_h1,
    cancel_pending_h1,
    cds_change_h2_active,
    cds_change_mrpc,
    cds_change_while_connecting,
    cds_cluster_removed,
    cds_lower_below_active,
    cds_queue_cancel_after_change,
    cds_raise_with_queue,
    cds_remove_limit_conn1_queue,
    cds_remove_limit_seed,
    close_active_h1,
    conn0_envoy,
    conn1_keepalive_reuse,
    conn1_pending0_envoy,
    conn1_pending0_istio,
    conn1_pending5_fifo,
    conn1_pending5_refill,
    conn1_requests1_pending2,
    conn2_pending_unset_two_free_at_once,
    conn2_requests1,
    conn2_requests5,
    conn5_requests2,
    conn_close_active_h2,
    connect_fail_one_of_three,
    connect_fail_purges_all_pending,
    connect_failure_retried,
    connect_refused,
    connect_refused_then_up,
    connect_timeout,
    envoy_defaults,
    goaway_h2,
    h2_conn1_many,
    h2_first_conn_burst_no_gate,
    h2_max_concurrent_streams1_istio,
    h2_upstream_settings_streams1,
    h2_upstream_settings_streams2_conn_unlimited,
    hosts2_conn1,
    hosts2_requests1,
    idle_timeout_h1,
    idle_timeout_h2,
    idle_timeout_not_while_active,
    istio_defaults,
    istio_seed_clusters_dump,
    max_connection_duration_h1_active,
    max_connection_duration_h1_idle,
    max_connection_duration_h2_active,
    max_retries_default_istio,
    mrpc1_conn1_h1_queue,
    mrpc1_h1,
    mrpc1_h1_all_headers,
    mrpc2_h1,
    mrpc2_h2,
    mrpc2_h2_concurrent,
    mrpc2_h2_held_connecting_capacity,
    mrpc3_h1,
    mrpc3_h2,
    overflow_active_not_retried,
    pending1_conn_unlimited_held,
    pending3_h2_held_conn_count,
    pending_not_bound_to_connection,
    per_try_timeout_while_pending,
    priority_high_is_separate,
    ready_list_order_lifo_or_fifo,
    refused_stream_h2,
    reject_grpc_active,
    reject_head,
    requests0_envoy,
    requests1_pending3_not_counted,
    requests1_pending_rescued,
    requests1_reject_only_when_connected,
    requests1_two_pending_one_ready,
    requests2_h2,
    reset_active_h1,
    retry_budget_20pct_default_min3,
    retry_budget_50pct_min1,
    retry_hits_max_requests,
    retry_pending_overflow,
    route_timeout_while_pending,
    runtime_lower_below_active,
    runtime_lower_conn,
    runtime_lower_pending_with_queue,
    seed_111_h1,
    seed_111_h1_all_idle_serial,
    seed_111_h1_burst10_held_connect,
    seed_111_h2,
    seed_flood_then_delete_policy,
    seed_flood_then_delete_policy_h2,
    track_remaining_false,
    upstream_closes_after_response,
    workers1_requests4,
    workers2_conn1_pending1,
    workers2_requests1,
    workers2_requests4,
    workers2_seed,
}

fn verdicts() -> Verdicts {
    verdicts::verdicts(include_str!("verdicts.tsv"))
}

/// Plays a scenario, and compares each field as its verdict says.
fn replay(name: &str) {
    let scenarios = observations::scenarios();
    let scenario = scenarios.iter().find(|one| one.name == name).unwrap();
    let here = Player::new(scenario).play();
    let envoy = observed::seen(scenario);
    assert!(here.keys().eq(envoy.keys()), "{name}: other fields");
    let verdicts = verdicts();
    for (field, envoy) in &envoy {
        let verdict = &verdicts[&(name.to_owned(), (*field).to_owned())];
        if let Some(expected) = verdict.expected(envoy) {
            assert_eq!(here[field], expected, "{name}: {field}");
        }
    }
}

#[test]
fn each_field_of_each_scenario_has_a_verdict() {
    let scenarios = observations::scenarios();
    assert_eq!(scenarios.len(), 99);
    assert!(NAMES.iter().copied().eq(BTreeSet::from_iter(
        scenarios.iter().map(|scenario| &*scenario.name)
    )));
    let fields = scenarios.iter().flat_map(|scenario| {
        let fields = observed::seen(scenario).into_keys();
        fields.map(|field| (scenario.name.clone(), field.to_owned()))
    });
    assert_eq!(
        fields.collect::<BTreeSet<_>>(),
        verdicts().into_keys().collect()
    );
}

#[test]
fn at_most_twelve_scenarios_are_out_of_scope() {
    let verdicts = verdicts();
    let of = |wanted: fn(&Verdict) -> bool| verdicts.values().filter(|one| wanted(one)).count();
    assert_eq!(of(|one| *one == Verdict::Same), 1025);
    assert_eq!(of(|one| matches!(one, Verdict::Better { .. })), 147);
    assert_eq!(of(|one| *one == Verdict::OutOfScope), 26);

    let out = verdicts
        .iter()
        .filter(|(_, one)| **one == Verdict::OutOfScope);
    let out: BTreeSet<_> = out.map(|((scenario, _), _)| &**scenario).collect();
    assert!(out.len() <= 12);
    // Of two of them only the counters, which tell how fast the machine was.
    assert!(out.iter().eq(&[
        "hosts2_conn1",
        "priority_high_is_separate",
        "seed_flood_then_delete_policy",
        "seed_flood_then_delete_policy_h2",
    ]));
}

/// The table of differences in the machine's documentation, and the one here.
#[test]
fn the_documentation_names_each_scenario_that_differs_and_no_other() {
    let docs = include_str!("../../src/outbound/destination/mod.rs");
    let (_, differences) = docs.split_once("# Where it differs from Envoy").unwrap();
    let named = differences.split('`').filter(|word| NAMES.contains(word));
    let differs = verdicts()
        .into_iter()
        .filter(|(_, one)| *one != Verdict::Same);
    let differs: BTreeSet<_> = differs.map(|((scenario, _), _)| scenario).collect();
    assert!(named.collect::<BTreeSet<_>>().iter().eq(&differs));
}
