//! The outbound client under all at once: several threads, many destinations, upstreams that are
//! slow, that die and that are not there, callers who leave at any moment, retries, and limits that
//! change all the while. At the end nothing is left, not even a descriptor.

mod caller;
mod connector;
mod random;
mod upstream;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use meshpool::Limits;
use meshpool::limits::{Destination, Scheme};
use meshpool::outbound::Client;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::caller::{Caller, Outcome};
use self::connector::Counting;
use self::random::Random;
use self::upstream::Upstream;
use crate::alone;
use crate::chosen::ChosenLimits;

type Pool = Client<Full<Bytes>>;

/// No limit on connections is ever higher.
const MAX_CONNECTIONS: u64 = 4;
const MAX_TOTAL_CONNECTIONS: usize = 24;
const DESTINATIONS: u8 = 24;
const CALLERS: u64 = 48;
const REQUESTS: usize = 40;

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let wait = async {
        while !so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = timeout(Duration::from_secs(30), wait).await;
    waited.unwrap_or_else(|_| panic!("{what}"));
}

#[test]
fn after_all_at_once_nothing_is_left_of_any_request_or_connection() {
    for is_http2 in [false, true] {
        alone(all_at_once(is_http2, 0x5eed + u64::from(is_http2)));
    }
}

async fn all_at_once(is_http2: bool, seed: u64) {
    let before = descriptors();
    let mut random = Random::new(seed);
    // The same upstream under many names, one where nobody listens, and one that never says a word.
    let upstream = Upstream::start(is_http2, random.fork()).await;
    let deserted = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut addrs: Vec<_> = (1..=DESTINATIONS)
        .map(|n| SocketAddr::new(Ipv4Addr::new(127, 0, 0, n).into(), upstream.port))
        .collect();
    addrs.extend([&deserted, &silent].map(|it| it.local_addr().unwrap()));
    drop(deserted);

    let limits = ChosenLimits::default();
    let connector = Counting::default();
    let builder = Client::builder()
        .limits(limits.clone())
        .max_total_connections(MAX_TOTAL_CONNECTIONS)
        .max_idle_destinations(3)
        .pending_timeout(Duration::from_secs(2))
        .response_timeout(Duration::from_millis(200));
    let client: Pool = match is_http2 {
        true => builder.http2_only(),
        false => builder,
    }
    .build(connector.clone());
    for addr in &addrs {
        limits.set(destination(*addr), some_limits(&mut random));
    }

    let is_over = Arc::new(AtomicBool::new(false));
    let changes = tokio::spawn(change(
        limits,
        addrs.clone(),
        is_over.clone(),
        random.fork(),
    ));
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let caller = Caller::new(&client, &addrs, random.fork());
        callers.spawn(caller.send(REQUESTS));
    }
    let outcomes = timeout(Duration::from_secs(50), callers.join_all()).await;
    let outcomes = outcomes.expect("every request has an outcome");
    is_over.store(true, Ordering::Relaxed);
    changes.await.unwrap();

    // Each has exactly one, and there are some of each kind.
    let mut counts = BTreeMap::<Outcome, usize>::new();
    for outcome in outcomes.into_iter().flatten() {
        *counts.entry(outcome).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<usize>(), CALLERS as usize * REQUESTS);
    for kind in Outcome::ALL {
        assert!(counts.contains_key(&kind), "none that {kind:?}: {counts:?}");
    }

    let (most, most_to_one) = connector.most();
    assert!(most <= MAX_TOTAL_CONNECTIONS, "{most} sockets");
    assert!(
        most_to_one <= MAX_CONNECTIONS as usize,
        "{most_to_one} sockets to one"
    );
    for destination in client.destinations() {
        let Some(stats) = client.stats(&destination) else {
            continue;
        };
        let left = (
            stats.rq_active,
            stats.rq_pending_active,
            stats.retries_active,
        );
        assert_eq!(left, (0, 0, 0), "{destination} {stats:?}");
    }
    client.close();
    timeout(Duration::from_secs(30), client.idle())
        .await
        .unwrap();
    for destination in client.destinations() {
        let stats = client.stats(&destination).unwrap();
        assert_eq!(stats.cx_active, 0, "{destination} {stats:?}");
        assert_eq!(
            stats.counters.cx_total, stats.counters.cx_destroy,
            "{stats:?}"
        );
    }
    drop(client);
    drop(silent);
    upstream.stop().await;
    assert_eq!(connector.open(), 0);
    until("descriptors are left", || descriptors() == before).await;
}

fn destination(addr: SocketAddr) -> Destination {
    Destination::new(Scheme::Http, &addr.ip().to_string(), addr.port())
}

fn some_limits(random: &mut Random) -> Limits {
    let mut limits = Limits::new()
        .max_connections(random.below(MAX_CONNECTIONS) as u32 + 1)
        .max_pending_requests(random.below(6) as u32)
        .max_requests(random.below(6) as u32 + 1)
        .max_retries(random.below(3) as u32)
        .connect_timeout(Duration::from_secs(2));
    if random.one_in(3) {
        limits = limits.max_requests_per_connection(random.below(4) as u32 + 1);
    }
    if random.one_in(3) {
        limits = limits.max_concurrent_streams(random.below(3) as u32 + 1);
    }
    if random.one_in(3) {
        limits = limits.idle_timeout(Duration::from_millis(random.below(5) + 1));
    }
    if random.one_in(3) {
        limits = limits.max_connection_duration(Duration::from_millis(random.below(50) + 1));
    }
    limits
}

async fn change(
    limits: ChosenLimits,
    addrs: Vec<SocketAddr>,
    is_over: Arc<AtomicBool>,
    mut random: Random,
) {
    while !is_over.load(Ordering::Relaxed) {
        let addr = addrs[random.below(addrs.len() as u64) as usize];
        limits.set(destination(addr), some_limits(&mut random));
        sleep(Duration::from_micros(random.below(500))).await;
    }
}
