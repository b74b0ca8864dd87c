//! Plays a scenario step by step, polled by hand.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use meshpool::InboundPool;
use meshpool::admission::Stats;
use meshpool::istio::Protocol;
use tokio::sync::oneshot;
use tokio_test::task::{self, Spawn};
use tower::{Layer, Service, service_fn};

use crate::rule::protocol;
use crate::scenario::{Action, Fate, Outcome, Scenario, Settings, Step};

/// What the service knows: in what order requests reached it, and how to answer them.
#[derive(Clone, Default)]
struct Upstream(Arc<Mutex<Reached>>);

#[derive(Default)]
struct Reached {
    order: Vec<String>,
    held: BTreeMap<String, oneshot::Sender<()>>,
}

impl Upstream {
    /// Holds the request until it is released.
    fn call(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Full<Bytes>>, Infallible>> + use<> {
        let id = request.uri().path().trim_start_matches('/').to_owned();
        let (release, released) = oneshot::channel();
        let mut reached = self.0.lock().unwrap();
        reached.order.push(id.clone());
        reached.held.insert(id, release);
        async {
            released.await.expect("released, unless it was cancelled");
            Ok(Response::new(Full::from("Kevin")))
        }
    }

    fn order(&self) -> Vec<String> {
        self.0.lock().unwrap().order.clone()
    }

    fn release(&self, id: &str) {
        let release = self.0.lock().unwrap().held.remove(id).unwrap();
        release.send(()).unwrap();
    }
}

type InFlight = Spawn<Pin<Box<dyn Future<Output = Answer>>>>;

/// The head of an answer, once its body has been read.
struct Answer {
    status: u16,
    refused: bool,
    grpc_status: Option<String>,
}

struct Player<S> {
    pool: InboundPool,
    service: S,
    upstream: Upstream,
    /// In the order in which they were sent.
    in_flight: Vec<(String, InFlight)>,
    outcome: BTreeMap<String, Outcome>,
    queued: Vec<String>,
    protocol: Protocol,
}

pub(crate) fn play(scenario: &Scenario) {
    let mut settings = scenario.settings.clone();
    let protocol = protocol(scenario);
    let pool = InboundPool::new(settings.limits(protocol));
    let upstream = Upstream::default();
    let handler = upstream.clone();
    let service = service_fn(move |request| handler.call(request));
    let mut player = Player {
        service: pool.layer().layer(service),
        pool,
        upstream,
        in_flight: Vec::new(),
        outcome: BTreeMap::new(),
        queued: Vec::new(),
        protocol,
    };
    for (number, step) in scenario.steps.iter().enumerate() {
        let context = format!("{}, step {number}: {:?}", scenario.name, step.action);
        player.step(step, &mut settings, &context);
    }
    let mut expected = scenario.outcome.clone();
    for outcome in expected.values_mut() {
        outcome.flags = None; // there is no access log here
    }
    assert_eq!(player.outcome, expected, "{}", scenario.name);
    assert_eq!(player.upstream.order(), scenario.served_order);
    assert!(player.in_flight.is_empty());
}

impl<S, B> Player<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    S::Future: 'static,
    B: http_body::Body + 'static,
    B::Error: std::fmt::Debug,
{
    fn step(&mut self, step: &Step, settings: &mut Settings, context: &str) {
        let before = self.pool.stats();
        let reached = self.upstream.order().len();
        let mut aborted = Vec::new();
        let mut responses = match &step.action {
            Action::Send {
                ids,
                headers,
                method,
                prefix: None,
                ..
            } => self.send(ids, headers, method.as_deref()),
            Action::Release {
                ids,
                how: None,
                status: None,
                ..
            } => {
                ids.iter().for_each(|id| self.upstream.release(id));
                Vec::new()
            }
            Action::Cancel { ids, .. } => {
                aborted = self.cancel(ids);
                Vec::new()
            }
            Action::Runtime { set } => {
                *settings = settings.changed(set);
                self.pool.update(settings.limits(self.protocol));
                Vec::new()
            }
            other => panic!("{context}: {other:?} is not for this player"),
        };
        responses.extend(self.run());

        // What happened, in the same order where order means something.
        let attached: Vec<_> = step.attached.iter().map(|(id, ..)| id).collect();
        assert_eq!(
            self.upstream.order()[reached..].iter().collect::<Vec<_>>(),
            attached,
            "{context}"
        );
        responses.sort();
        let mut expected = step.responses.clone();
        expected.sort();
        assert_eq!(responses, expected, "{context}");
        let expected: Vec<_> = step.aborted.iter().map(|(id, _)| id.clone()).collect();
        assert_eq!(aborted, expected, "{context}");

        // The gauges after it, and what was counted.
        let after = self.pool.stats();
        assert_eq!(
            (u64::from(after.active), u64::from(after.pending)),
            (step.active, step.pending),
            "{context}"
        );
        for (ours, counter) in [
            (admitted(&after) - admitted(&before), "rq_total"),
            (after.cancelled - before.cancelled, "rq_cancelled"),
            (
                after.overflowed.max_requests - before.overflowed.max_requests,
                "rq_active_overflow",
            ),
            (
                after.overflowed.max_pending_requests - before.overflowed.max_pending_requests,
                "rq_pending_overflow",
            ),
        ] {
            let expected = step.delta.get(counter).copied().unwrap_or(0);
            assert_eq!(
                i64::try_from(ours).unwrap(),
                expected,
                "{context}: {counter}"
            );
        }
    }

    /// Sends requests; the answers that come at once.
    fn send(
        &mut self,
        ids: &[String],
        headers: &BTreeMap<String, String>,
        method: Option<&str>,
    ) -> Vec<(String, u16)> {
        let mut responses = Vec::new();
        for id in ids {
            let request = Request::builder()
                .uri(format!("/{id}"))
                .method(method.unwrap_or("GET"));
            let request = headers.iter().fold(request, |request, (name, value)| {
                request.header(name, value)
            });
            let future = self.service.call(request.body(Body::empty()).unwrap());
            let answer: Pin<Box<dyn Future<Output = Answer>>> = Box::pin(answer(future));
            let mut future = task::spawn(answer);
            match future.poll() {
                Poll::Ready(answer) => responses.push(self.ended(id, &answer)),
                Poll::Pending => {
                    if !self.upstream.order().contains(id) {
                        self.queued.push(id.clone());
                    }
                    self.in_flight.push((id.clone(), future));
                }
            }
        }
        responses
    }

    /// Their clients go away; those among them that the service saw end early.
    fn cancel(&mut self, ids: &[String]) -> Vec<String> {
        let reached = self.upstream.order();
        for id in ids {
            let position = self.in_flight.iter().position(|(other, _)| other == id);
            drop(self.in_flight.remove(position.unwrap()));
            let outcome = Outcome {
                outcome: Fate::CancelledByClient,
                status: None,
                flags: None,
                queued: self.queued.contains(id),
            };
            self.outcome.insert(id.clone(), outcome);
        }
        ids.iter()
            .filter(|id| reached.contains(id))
            .cloned()
            .collect()
    }

    /// Polls whoever was woken, until nobody is; the answers that came.
    fn run(&mut self) -> Vec<(String, u16)> {
        let mut responses = Vec::new();
        while let Some(position) = self
            .in_flight
            .iter()
            .position(|(_, future)| future.is_woken())
        {
            let (_, future) = &mut self.in_flight[position];
            if let Poll::Ready(answer) = future.poll() {
                let (id, future) = self.in_flight.remove(position);
                drop(future);
                responses.push(self.ended(&id, &answer));
            }
        }
        responses
    }

    fn ended(&mut self, id: &str, answer: &Answer) -> (String, u16) {
        let fate = if answer.refused {
            Fate::Rejected
        } else {
            Fate::Served
        };
        if answer.refused && answer.status == 200 {
            assert_eq!(answer.grpc_status.as_deref(), Some("14"));
        }
        let outcome = Outcome {
            outcome: fate,
            flags: None,
            status: Some(answer.status),
            queued: self.queued.iter().any(|queued| queued == id),
        };
        self.outcome.insert(id.to_owned(), outcome);
        (id.to_owned(), answer.status)
    }
}

fn admitted(stats: &Stats) -> u64 {
    stats.admitted.unwrap()
}

/// Reads an answer to its end.
async fn answer<F, B>(future: F) -> Answer
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let Ok(response) = future.await;
    let (head, body) = response.into_parts();
    body.collect().await.unwrap();
    let header = |name| {
        let value = head.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    Answer {
        status: head.status.as_u16(),
        refused: header("x-envoy-overloaded").is_some(),
        grpc_status: header("grpc-status"),
    }
}
