//! The TCP keep-alive of a rule, as the system has it.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::sleep;

use super::{Sidecar, answer, is};
use crate::process::{RuleFile, within};
use crate::upstream::Upstream;

/// Of each connection to this address after how many seconds the system will probe it, if it will,
/// in ascending order.
async fn probed_in(upstream: SocketAddr) -> Vec<Option<u64>> {
    within(async {
        loop {
            match timers(upstream) {
                Some(timers) => return timers,
                None => sleep(Duration::from_millis(2)).await,
            }
        }
    })
    .await
}

/// Nothing while what was sent is not acknowledged: its timer stands in the place of the other.
fn timers(upstream: SocketAddr) -> Option<Vec<Option<u64>>> {
    let port = format!(":{:04X}", upstream.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let mut found = Vec::new();
    for line in table.lines().skip(1) {
        // Number, local address, remote address, state, queues, which timer and when it is due, …
        let fields: Vec<_> = line.split_whitespace().collect();
        if !fields[2].ends_with(&port) || fields[3] != "01" {
            continue;
        }
        let (timer, due) = fields[5].split_once(':').unwrap();
        let hundredths = u64::from_str_radix(due, 16).unwrap();
        found.push(match timer {
            "00" => None,
            "02" => Some(hundredths / 100),
            _ => return None,
        });
    }
    found.sort();
    Some(found)
}

#[tokio::test]
async fn new_connections_have_the_keep_alive_of_the_rule() {
    let rule = RuleFile::with("tcp: {tcpKeepalive: {time: 3000s}}");
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
    let first = sidecar.get("/first");
    let first_arrival = upstream.expect("/first").await;
    let [Some(due)] = probed_in(upstream.address).await[..] else {
        panic!("no keep-alive");
    };
    assert!((2900..=3000).contains(&due), "{due}");

    // Live, and for those that are opened from now on.
    rule.write("tcp: {tcpKeepalive: {time: 9000s, interval: 10s, probes: 2}}");
    sidecar.until("rules.update_success", 2).await;
    let second = sidecar.get("/second");
    let second_arrival = upstream.expect("/second").await;
    let [Some(earlier), Some(later)] = probed_in(upstream.address).await[..] else {
        panic!("no keep-alive");
    };
    assert!(
        earlier <= 3000 && (8900..=9000).contains(&later),
        "{earlier} {later}"
    );

    rule.delete();
    sidecar.until("rules.update_success", 3).await;
    let third = sidecar.get("/third");
    let third_arrival = upstream.expect("/third").await;
    assert_eq!(probed_in(upstream.address).await[0], None);
    for (arrival, task) in [
        (first_arrival, first),
        (second_arrival, second),
        (third_arrival, third),
    ] {
        arrival.answer(200, "ok");
        is(&answer(task).await, 200, "ok");
    }
}

#[tokio::test]
async fn a_keep_alive_that_the_system_does_not_take_is_a_failed_connect() {
    let rule = RuleFile::with("tcp: {tcpKeepalive: {time: 24h}}");
    let upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
    assert_eq!(answer(sidecar.get("/")).await.status, 503);
    sidecar.logs("GET / 503 UF").await;
}
