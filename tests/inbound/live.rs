//! Limits and modes that change while requests are under way, and the check against a second
//! meeting.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use http::StatusCode;
use meshpool::{InboundPool, Limits};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, Service, ServiceBuilder, service_fn};

use crate::support::{CallReady, kevin, limits, pool, request};

#[test]
fn a_raised_limit_lets_those_run_who_wait() {
    let pool = pool(1, 3);
    let mut service = pool.layer().layer(service_fn(kevin));
    let held = service.call_ready();
    let mut waiting: Vec<_> = (0..3).map(|_| task::spawn(service.call_ready())).collect();
    for waiting in &mut waiting {
        assert_pending!(waiting.poll());
    }
    pool.update(limits(3, 3));
    assert_eq!((pool.stats().active, pool.stats().pending), (3, 1));
    let woken: Vec<_> = waiting.iter().map(|waiting| waiting.is_woken()).collect();
    assert_eq!(woken, [true, true, false]);
    assert_eq!(pool.limits(), limits(3, 3));
    drop(held);
}

#[test]
fn a_lowered_limit_drops_nobody_and_is_a_debt_until_enough_have_ended() {
    let pool = pool(3, 0);
    let mut service = pool.layer().layer(service_fn(kevin));
    let mut running: Vec<_> = (0..3).map(|_| service.call_ready()).collect();
    pool.update(limits(1, 0));
    for active in [3, 2, 1] {
        assert_eq!(pool.stats().active, active);
        let mut refused = task::spawn(service.call_ready());
        let refused = assert_ready_ok!(refused.poll());
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        running.pop();
    }
    let mut admitted = task::spawn(service.call_ready());
    assert_eq!(assert_ready_ok!(admitted.poll()).status(), StatusCode::OK);
}

#[test]
fn a_lowered_limit_on_pending_requests_evicts_nobody() {
    let pool = pool(1, 2);
    let mut service = pool.layer().layer(service_fn(kevin));
    let held = service.call_ready();
    let mut waiting: Vec<_> = (0..2).map(|_| task::spawn(service.call_ready())).collect();
    for waiting in &mut waiting {
        assert_pending!(waiting.poll());
    }
    pool.update(limits(1, 0));
    assert_eq!(pool.stats().pending, 2);
    drop(held);
    for mut waiting in waiting {
        assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
    }
}

#[test]
fn deleted_limits_admit_everything_and_limits_set_again_see_the_load() {
    let pool = pool(1, 0);
    let mut service = pool.layer().layer(service_fn(kevin));
    pool.update(Limits::new());
    let running: Vec<_> = (0..50).map(|_| service.call_ready()).collect();
    assert_eq!(pool.stats().active, 50);
    assert_eq!(pool.stats().max_requests, None);
    pool.update(limits(50, 0));
    let mut refused = task::spawn(service.call_ready());
    assert_eq!(
        assert_ready_ok!(refused.poll()).status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    drop(running);
    assert_eq!(pool.stats().active, 0);
}

#[test]
fn a_leaked_pool_shares_its_state_with_the_pool_it_was_made_of() {
    let pool = pool(1, 0);
    let leaked = pool.leak();
    let held = leaked.layer().layer(service_fn(kevin)).call_ready();
    assert_eq!(pool.stats().active, 1);
    let mut refused = task::spawn(pool.layer().layer(service_fn(kevin)).call_ready());
    assert_eq!(
        assert_ready_ok!(refused.poll()).status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    drop(held);
    leaked.update(limits(2, 0));
    assert_eq!((pool.stats().active, pool.limits()), (0, limits(2, 0)));
}

// === Observe mode ===

#[test]
fn an_observing_pool_refuses_nothing_and_counts_what_it_would() {
    let pool = InboundPool::builder()
        .limits(limits(1, 1))
        .observing(true)
        .pending_timeout(Duration::from_secs(1))
        .build();
    let mut service = pool.layer().layer(service_fn(kevin));
    let responses: Vec<_> = (0..4)
        .map(|_| assert_ready_ok!(task::spawn(service.call_ready()).poll()))
        .collect();
    for response in &responses {
        assert_eq!(response.status(), StatusCode::OK);
    }
    let stats = pool.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (1, 1, 2));
    assert_eq!((stats.would_overflow, stats.overflowed.total()), (2, 0));

    drop(responses);
    let stats = pool.stats();
    assert_eq!((stats.active, stats.pending, stats.uncounted), (0, 0, 0));
}

#[test]
fn enforcing_after_observing_makes_a_debt_of_what_would_wait() {
    let pool = InboundPool::builder()
        .limits(limits(1, 1))
        .observing(true)
        .build();
    let mut service = pool.layer().layer(service_fn(kevin));
    let mut running: Vec<_> = (0..2).map(|_| service.call_ready()).collect();
    pool.set_observing(false);
    assert_eq!((pool.stats().active, pool.stats().pending), (2, 0));
    running.pop();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    running.pop();
    assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
}

#[test]
fn observing_lets_those_run_who_wait() {
    let pool = pool(1, 1);
    let mut service = pool.layer().layer(service_fn(kevin));
    let held = service.call_ready();
    let mut waiting = task::spawn(service.call_ready());
    assert_pending!(waiting.poll());
    pool.set_observing(true);
    assert!(waiting.is_woken());
    assert_eq!(assert_ready_ok!(waiting.poll()).status(), StatusCode::OK);
    drop((held, waiting));
    assert_eq!((pool.stats().active, pool.stats().pending), (0, 0));
}

// === What is counted ===

#[test]
fn the_running_total_counts_what_was_admitted_at_once_or_later_and_can_be_left_out() {
    for counted in [true, false] {
        let pool = InboundPool::builder()
            .limits(limits(1, 1))
            .count_admitted(counted)
            .build();
        let mut service = pool.layer().layer(service_fn(kevin));
        let held = service.call_ready();
        let mut waiting = task::spawn(service.call_ready());
        assert_pending!(waiting.poll());
        drop(task::spawn(service.call_ready())); // refused
        drop(held);
        assert_ready_ok!(waiting.poll());
        assert_eq!(pool.stats().admitted, counted.then_some(2));
        assert_eq!(pool.stats().overflowed.max_pending_requests, 1);
        assert_eq!(
            (pool.stats().peak_active, pool.stats().peak_pending),
            (1, 1)
        );
    }
}

// === Meeting a pool twice ===

#[cfg(debug_assertions)]
#[tokio::test]
#[should_panic(expected = "the pool's layer was applied twice on its way")]
async fn a_request_that_meets_a_pool_twice_panics_in_debug_builds() {
    use axum::Router;
    use axum::routing::get;
    use tower::ServiceExt;

    let pool = pool(10, 0);
    let app: Router = Router::new()
        .route("/", get(|| async { "Kevin" }).layer(pool.layer()))
        .layer(pool.layer());
    let _ = app.oneshot(request()).await;
}

#[tokio::test]
async fn two_pools_on_the_way_are_no_mistake() {
    let (outer, inner) = (pool(10, 0), pool(10, 0));
    let mut service = ServiceBuilder::new()
        .layer(outer.layer())
        .layer(inner.layer())
        .service(service_fn(kevin));
    let response = service.call(request()).await.unwrap();
    assert_eq!((outer.stats().active, inner.stats().active), (1, 1));
    drop(response);
    assert_eq!((outer.stats().active, inner.stats().active), (0, 0));
}

/// Runs a closure when it is woken.
struct OnWake<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

/// One that runs in a pool of one slot, and behind it one whose waker runs `on_wake`.
fn queued_behind_one<F>(pool: &InboundPool, on_wake: F) -> impl Sized + use<F>
where
    F: Fn() + Send + Sync + 'static,
{
    let mut service = pool.layer().layer(service_fn(kevin));
    let mut first = task::spawn(service.call_ready());
    let first = assert_ready_ok!(first.poll());
    let mut second = Box::pin(service.call_ready());
    let waker = Waker::from(Arc::new(OnWake(on_wake)));
    let mut cx = Context::from_waker(&waker);
    assert_pending!(second.as_mut().poll(&mut cx));
    (first, second)
}

#[test]
fn one_that_an_update_wakes_may_ask_for_the_limits() {
    let pool = pool(1, 1);
    let seen = Arc::new(Mutex::new(None));
    let (inner, note) = (pool.clone(), seen.clone());
    let _queued = queued_behind_one(&pool, move || {
        *note.lock().unwrap() = inner.limits().max_requests;
    });
    pool.update(limits(2, 1));
    assert_eq!(*seen.lock().unwrap(), Some(2));
}

#[test]
fn a_waker_that_panics_leaves_an_update_whole() {
    let pool = pool(1, 1);
    let _queued = queued_behind_one(&pool, || panic!("woken"));
    let update = AssertUnwindSafe(|| pool.update(limits(2, 0)));
    assert!(catch_unwind(update).is_err());
    assert_eq!(pool.limits(), limits(2, 0));
    assert_eq!(pool.stats().max_pending_requests, Some(0));
    pool.update(limits(3, 3)); // and the next goes through
    assert_eq!(pool.limits(), limits(3, 3));
}
