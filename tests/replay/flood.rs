//! Plays the floods: many clients at once, compared by their mix of outcomes. The time is paused,
//! so that each runs in no time and the same each time.
//!
//! Which limit refused is not compared: where Envoy queues those that wait for a connection, and
//! refuses some of them for want of a place, here nobody waits for a connection, and all are
//! refused for want of a slot.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use meshpool::InboundPool;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, service_fn};

use crate::rule::protocol;
use crate::scenario::{Action, Scenario};

/// How long the service takes, and how long a client pauses after a refusal: about as long as the
/// numbers of answers say that they took when this was recorded.
const LATENCY: Duration = Duration::from_millis(5);
const PAUSE: Duration = Duration::from_millis(6);

pub(crate) fn play(scenario: &Scenario) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(steps(scenario));
}

async fn steps(scenario: &Scenario) {
    let protocol = protocol(scenario);
    let pool = InboundPool::new(scenario.settings.limits(protocol));
    let mut limited = false;
    for step in &scenario.steps {
        match &step.action {
            Action::Set { settings, .. } => {
                let limits = settings.limits(protocol);
                pool.update(limits);
                limited = limits.max_requests.is_some();
            }
            Action::Flood { clients, ms } => {
                let (answers, peak) = flood(&pool, *clients, Duration::from_millis(*ms)).await;
                let expected = &step.flood_result.as_ref().unwrap().statuses;
                assert!(
                    answers.keys().eq(expected.keys())
                        && (served(&answers) - served(expected)).abs() < 0.01,
                    "{answers:?}, {expected:?}"
                );
                assert_eq!(peak, if limited { 1 } else { *clients });
            }
            other => panic!("{other:?} is not for this player"),
        }
        let stats = pool.stats();
        let load = (u64::from(stats.active), u64::from(stats.pending));
        assert_eq!(load, (step.active, step.pending));
    }
}

/// The share of answers that are no refusals.
fn served(answers: &BTreeMap<String, u64>) -> f64 {
    answers["200"] as f64 / answers.values().sum::<u64>() as f64
}

/// How many answers there were of each status, and the most requests at work at once.
async fn flood(pool: &InboundPool, clients: u32, time: Duration) -> (BTreeMap<String, u64>, u32) {
    let (now, peak) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let highest = peak.clone();
    let service = pool.layer().layer(service_fn(move |_: Request<Body>| {
        let (now, highest) = (now.clone(), highest.clone());
        async move {
            highest.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            sleep(LATENCY).await;
            now.fetch_sub(1, SeqCst);
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("Kevin")))
        }
    }));
    let end = Instant::now() + time;
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let mut service = service.clone();
        all.spawn(async move {
            let mut answers = BTreeMap::<String, u64>::new();
            while Instant::now() < end {
                let response = service.call(Request::new(Body::empty())).await.unwrap();
                let status = response.status();
                let refused = response.headers().contains_key("x-envoy-overloaded");
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body == "Kevin", status == 200);
                assert_eq!(refused, status == 503);
                *answers.entry(status.as_str().to_owned()).or_default() += 1;
                if refused {
                    sleep(PAUSE).await;
                }
            }
            answers
        });
    }
    let mut answers = BTreeMap::new();
    for each in all.join_all().await {
        for (status, count) in each {
            *answers.entry(status).or_default() += count;
        }
    }
    (answers, peak.load(SeqCst))
}
