//! `telemetry::tracing`, as a subscriber sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meshpool::istio::Client;
use meshpool::istio::rules::Rules;
use meshpool::limits::{Destination, LimitsSource, Scheme};
use meshpool::{InboundPool, Limits};
use tower::{Layer, Service, service_fn};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber, span};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::support::{pool, send, wait_once};

/// Keeps all events of the crate.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Told>>>);

#[derive(Debug)]
struct Told {
    level: Level,
    fields: BTreeMap<&'static str, String>,
}

impl Subscriber for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "meshpool"
    }

    fn event(&self, event: &Event<'_>) {
        let mut told = Told {
            level: *event.metadata().level(),
            fields: BTreeMap::new(),
        };
        event.record(&mut told);
        self.0.lock().unwrap().push(told);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

fn told(during: impl FnOnce()) -> Vec<Told> {
    let events = Events::default();
    tracing::subscriber::with_default(events.clone(), during);
    std::mem::take(&mut *events.0.lock().unwrap())
}

/// What was told so, each field in turn.
fn fields<'a>(told: &'a [Told], message: &str, names: [&str; 4]) -> Vec<[&'a str; 4]> {
    let those = told.iter().filter(|told| told.fields["message"] == message);
    those
        .map(|told| names.map(|name| told.fields[name].as_str()))
        .collect()
}

/// A rule that lets so many requests run, in one line.
fn rule(requests: u32) -> String {
    format!(
        "{{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {{name: user, \
         namespace: demo}}, spec: {{host: user, trafficPolicy: {{connectionPool: {{http: \
         {{http2MaxRequests: {requests}}}}}}}}}}}"
    )
}

#[test]
fn limits_that_change_tell_of_whom_from_what_to_what_and_by_which_revision() {
    let service = meshpool::istio::Service::new("user").namespace("demo");
    let user = Destination::new(Scheme::Http, "user", 80);
    let told = told(|| {
        let rules = Rules::new();
        let mut inbound = rules.inbound(service);
        let outbound = rules.outbound(Client::new("demo"));
        for text in [None, Some(rule(1)), Some(rule(1)), Some(rule(2))] {
            if let Some(text) = text {
                rules.put("user.yaml", text).unwrap();
            }
            let mut changed = tokio_test::task::spawn(inbound.changed());
            let _ = changed.poll();
            outbound.limits(&user);
        }
        rules.remove("user.yaml");
        outbound.limits(&user);
        assert_eq!(rules.stats().limit_changes, 5);
    });
    assert!(
        told.iter().all(|told| told.level == Level::INFO),
        "{told:?}"
    );
    // What is sent has the mesh's default from the beginning.
    let unset = Limits::new().connect_timeout(Duration::from_secs(10));
    let sent = |requests: u32| format!("{:?}", unset.max_requests(requests));
    let served = |requests: u32| {
        let limits = Limits::new().max_requests(requests);
        format!("{:?}", limits.max_pending_requests(0))
    };
    let (none, unset) = (format!("{:?}", Limits::new()), format!("{unset:?}"));
    let named = fields(&told, "limits changed", ["of", "from", "to", "revision"]);
    assert_eq!(
        named,
        [
            ["user", &none, &served(1), "1"],
            ["http://user:80", &unset, &sent(1), "1"],
            ["user", &served(1), &served(2), "3"],
            ["http://user:80", &sent(1), &sent(2), "3"],
            ["http://user:80", &sent(2), &unset, "4"],
        ]
    );
}

#[test]
fn a_source_that_is_rejected_tells_why() {
    let told = told(|| {
        Rules::new().put("user.yaml", "kind: [").unwrap_err();
    });
    let [rejected] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(rejected.level, Level::WARN);
    assert_eq!(
        rejected.fields["message"],
        "rules rejected, what was in force stays"
    );
    assert!(rejected.fields["problems"].starts_with("user.yaml:"));
}

#[test]
fn a_refusal_tells_the_limit_that_bound_and_what_was_in_use() {
    let told = told(|| {
        let pool = pool(1, 0);
        let _held = send(&pool);
        send(&pool);
    });
    let [overflow] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(overflow.level, Level::WARN);
    for (field, value) in [
        ("message", "overflow"),
        ("pool", "user"),
        ("reason", "max_requests"),
        ("limit", "1"),
        ("active", "1"),
        ("pending", "0"),
        ("suppressed", "0"),
    ] {
        assert_eq!(overflow.fields[field], value, "{field}");
    }
}

#[test]
fn a_flood_of_refusals_does_not_flood_the_log() {
    // Should this take more than a second, there are as many more events; they tell of all.
    let mut seconds = 0;
    let told = told(|| {
        let began = std::time::Instant::now();
        let pool = pool(0, 0);
        for _ in 0..1000 {
            send(&pool);
        }
        seconds = began.elapsed().as_secs();
    });
    assert!(
        !told.is_empty() && told.len() as u64 <= 1 + seconds,
        "{}",
        told.len()
    );
}

#[test]
fn each_pool_has_an_event_of_its_own() {
    let told = told(|| {
        send(&pool(0, 0));
        send(&pool(0, 0));
    });
    assert_eq!(told.len(), 2);
}

#[test]
fn the_generic_layer_tells_of_refusals_too() {
    let told = told(|| {
        let pool = InboundPool::new(Limits::new().max_requests(0).max_pending_requests(0));
        let mut service = pool
            .admit_layer()
            .layer(service_fn(|()| std::future::ready(Ok::<_, fmt::Error>(()))));
        let mut refused = tokio_test::task::spawn(service.call(()));
        assert!(tokio_test::assert_ready!(refused.poll()).is_err());
    });
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].fields["pool"], "inbound");
}

#[test]
fn a_wait_is_told_when_it_ends_with_its_length() {
    let told = told(|| wait_once(&pool(1, 1)));
    let [waited] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(waited.level, Level::DEBUG);
    assert_eq!(waited.fields["pool"], "user");
    waited.fields["waited_us"].parse::<u64>().unwrap();
}

#[test]
fn a_request_that_runs_at_once_is_not_worth_an_event() {
    let told = told(|| {
        send(&pool(1, 1));
    });
    assert!(told.is_empty(), "{told:?}");
}

/// A layer that keeps the messages it is told.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> tracing_subscriber::Layer<S> for Messages {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told {
            level: *event.metadata().level(),
            fields: BTreeMap::new(),
        };
        event.record(&mut told);
        self.0.lock().unwrap().push(told.fields["message"].clone());
    }
}

#[test]
fn a_suppressed_refusal_costs_no_layer_an_event_of_others() {
    let [errors, warnings] = [Messages::default(), Messages::default()];
    let subscriber = tracing_subscriber::registry()
        .with(errors.clone().with_filter(LevelFilter::ERROR))
        .with(warnings.clone().with_filter(LevelFilter::WARN));
    tracing::subscriber::with_default(subscriber, || {
        let pool = pool(0, 0);
        send(&pool); // told
        send(&pool); // suppressed
        tracing::error!("of the application");
    });
    for messages in [errors, warnings] {
        let told = messages.0.lock().unwrap();
        assert_eq!(told.last().expect("the error"), "of the application");
    }
}
