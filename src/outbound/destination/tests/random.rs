//! Random events, limits among them, against the invariants.

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::super::{End, Expected, Protocol, Side};
use super::model::{Link, Model};
use crate::Limits;
use crate::limits::RetryBudget;

/// What happens next, and to which of those that it can happen to.
#[derive(Clone, Debug)]
enum Event {
    Request,
    End(usize, End),
    Cancel(usize),
    HandBack(usize),
    Bury(usize, End),
    Connect(usize, Protocol),
    Close(usize, Side),
    CloseIdle(usize),
    Postpone(usize),
    Begin(usize),
    GoAway(usize),
    Settings(usize, u32),
    Pass(u64),
    Limits(Limits),
    Retry(u32),
    EndRetry,
    Stale,
}

fn limits() -> impl Strategy<Value = Limits> {
    let numbers = (
        option::of(0..4_u32),
        option::of(0..4_u32),
        option::of(0..4_u32),
        option::of(1..4_u32),
        option::of(1..4_u32),
    );
    let times = (
        option::of(1..9_u64),
        option::of(1..9_u64),
        option::of(1..20_u64),
    );
    let retries = (option::of(0..3_u32), option::of((0.0..100.0, 0..3_u32)));
    (numbers, times, retries).prop_map(|(numbers, times, retries)| {
        let (connections, pending, requests, per_connection, streams) = numbers;
        let (connect, idle, age) = times;
        let (max_retries, budget) = retries;
        let budget =
            budget.map(|(percent, min)| RetryBudget::new().percent(percent).min_concurrency(min));
        Limits::new()
            .max_connections(connections)
            .max_pending_requests(pending)
            .max_requests(requests)
            .max_requests_per_connection(per_connection)
            .max_concurrent_streams(streams)
            .connect_timeout(connect.map(Duration::from_millis))
            .idle_timeout(idle.map(Duration::from_millis))
            .max_connection_duration(age.map(Duration::from_millis))
            .max_retries(max_retries)
            .retry_budget(budget)
    })
}

fn event() -> impl Strategy<Value = Event> {
    let which = 0..8_usize;
    let end = prop_oneof![
        6 => Just(End::Complete),
        1 => Just(End::CompleteAndClose),
        1 => Just(End::CompleteAndLost),
        1 => Just(End::Lost),
        1 => Just(End::Reset),
        1 => Just(End::Aborted),
        1 => Just(End::Refused),
    ];
    let protocol = prop_oneof![Just(Protocol::Http1), Just(Protocol::Http2)];
    let side = prop_oneof![Just(Side::Local), Just(Side::Remote)];
    prop_oneof![
        8 => Just(Event::Request),
        6 => (which.clone(), end.clone()).prop_map(|(which, end)| Event::End(which, end)),
        2 => which.clone().prop_map(Event::Cancel),
        1 => which.clone().prop_map(Event::HandBack),
        2 => (which.clone(), end).prop_map(|(which, end)| Event::Bury(which, end)),
        6 => (which.clone(), protocol).prop_map(|(which, speaks)| Event::Connect(which, speaks)),
        4 => (which.clone(), side).prop_map(|(which, by)| Event::Close(which, by)),
        1 => which.clone().prop_map(Event::CloseIdle),
        1 => which.clone().prop_map(Event::Postpone),
        1 => which.clone().prop_map(Event::Begin),
        1 => which.clone().prop_map(Event::GoAway),
        1 => (which, 0..4_u32).prop_map(|(which, streams)| Event::Settings(which, streams)),
        2 => (0..5_u64).prop_map(Event::Pass),
        1 => limits().prop_map(Event::Limits),
        1 => (0..3_u32).prop_map(Event::Retry),
        1 => Just(Event::EndRetry),
        1 => Just(Event::Stale),
    ]
}

/// One of them, if there are any.
fn pick<T: Copy>(all: impl IntoIterator<Item = T>, which: usize) -> Option<T> {
    let all: Vec<_> = all.into_iter().collect();
    (!all.is_empty()).then(|| all[which % all.len()])
}

fn apply(model: &mut Model, event: Event) {
    let active: Vec<_> = model
        .connections
        .iter()
        .flat_map(|connection| connection.requests.clone())
        .collect();
    let connections = model.connections.clone();
    let keys = |wanted: fn(Link) -> bool| {
        let wanted = connections.iter().filter(move |one| wanted(one.link));
        wanted.map(|one| one.key)
    };
    match event {
        Event::Request => model.request(),
        Event::End(which, end) => {
            if let Some(request) = pick(active, which) {
                model.end(request, end);
            }
        }
        Event::Cancel(which) => {
            let all = model.queue.iter().copied().chain(active);
            if let Some(request) = pick(all, which) {
                model.cancel(request);
            }
        }
        Event::HandBack(which) => {
            if let Some(request) = pick(active, which) {
                model.hand_back(request);
            }
        }
        Event::Bury(which, end) => {
            if let Some((request, _)) = pick(model.orphans.clone(), which) {
                model.bury(request, end);
            }
        }
        Event::Connect(which, protocol) => {
            if let Some(key) = pick(keys(|link| link == Link::Connecting), which) {
                model.connect(key, protocol);
            }
        }
        Event::CloseIdle(which) => {
            if let Some(key) = pick(keys(|link| link != Link::Closing), which) {
                model.event(|machine, now, actions| machine.close_idle(key, now, actions));
            }
        }
        Event::Postpone(which) => {
            if let Some(key) = pick(keys(|link| link == Link::Connecting), which) {
                model.event(|machine, _, _| machine.connect_postponed(key));
            }
        }
        Event::Begin(which) => {
            if let Some(key) = pick(keys(|link| link == Link::Connecting), which) {
                model.event(|machine, now, _| machine.connect_begins(key, now));
            }
        }
        Event::Close(which, by) => {
            // Those that were asked to; now and then another.
            let asked = pick(keys(|link| link == Link::Closing), which);
            let other = pick(keys(|_| true), which).filter(|_| which < 3);
            if let Some(key) = asked.or(other) {
                model.close(key, by);
            }
        }
        Event::GoAway(which) => {
            if let Some(key) = pick(keys(|link| link == Link::Open), which) {
                model.go_away(key);
            }
        }
        Event::Settings(which, streams) => {
            if let Some(key) = pick(keys(|_| true), which) {
                model.settings(key, streams);
            }
        }
        Event::Pass(ms) => model.pass(Duration::from_millis(ms)),
        Event::Limits(limits) => model.limits(limits),
        Event::Retry(besides) => model.retry(besides),
        Event::EndRetry => model.end_retry(),
        Event::Stale => model.pass_stale_keys(),
    }
    model.agree();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_limits_hold_and_nobody_is_lost(
        limits in limits(),
        expected in prop_oneof![
            Just(Expected::Http1),
            Just(Expected::Http2),
            Just(Expected::Negotiated),
        ],
        events in vec(event(), 0..200),
    ) {
        let mut model = Model::new(limits, expected);
        for event in events {
            apply(&mut model, event);
        }
        model.wind_up();
    }
}
