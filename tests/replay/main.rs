//! What a real Envoy was seen to do, replayed through `ConnectionPoolLayer`.
//!
//! `tests/outbound/observations.json` holds scenarios recorded with Envoy 1.40: requests sent,
//! answered and cancelled step by step, and which were attached to a connection, answered or
//! refused in each, with the gauges after it. A service behind the layer, under the limits that
//! the DestinationRule of the scenario means inbound, does the same in the same steps.
//!
//! What has no counterpart here is not compared: connections, and `rq_pending_total`, which in
//! Envoy counts each request that finds no connection ready, even if it opens one at once.

mod flood;
#[path = "../envoy/observations.rs"]
mod observations;
mod player;
mod rule;
#[path = "../envoy/scenario/mod.rs"]
mod scenario;

use std::collections::BTreeSet;

use scenario::Scenario;

/// One test for each scenario, and a list of their names.
macro_rules! replay {
    ($play:path: $($name:ident),* $(,)?) => {
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            fn $name() {
                $play(&crate::scenario(stringify!($name)));
            }
        )*
    };
}

mod step_by_step {
    replay! { crate::player::play:
        cancel_active_h1,
        cancel_active_h1_requests1,
        cancel_active_rst,
        cancel_pending_h1,
        conn0_envoy,
        conn1_keepalive_reuse,
        conn1_pending0_istio,
        conn1_pending5_fifo,
        conn1_pending5_refill,
        conn1_requests1_pending2,
        conn2_pending_unset_two_free_at_once,
        conn2_requests1,
        conn2_requests5,
        conn5_requests2,
        reject_grpc_active,
        reject_head,
        requests0_envoy,
        requests2_h2,
        runtime_lower_below_active,
        runtime_lower_pending_with_queue,
        seed_111_h1,
        seed_111_h1_all_idle_serial,
        seed_111_h2,
    }
}

mod by_mix {
    replay! { crate::flood::play:
        seed_flood_then_delete_policy,
        seed_flood_then_delete_policy_h2,
    }
}

/// Of all that were recorded, those that mean something inbound.
fn scenario(name: &str) -> Scenario {
    let mut all = observations::scenarios().into_iter();
    all.find(|scenario| scenario.name == name).unwrap()
}

#[test]
fn twenty_five_scenarios_mean_something_inbound() {
    let names = [step_by_step::NAMES, by_mix::NAMES].concat();
    assert_eq!(BTreeSet::from_iter(names).len(), 25);
}
