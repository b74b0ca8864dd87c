//! Many requests at once, of which only the numbers count: floods, and rounds of bursts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::{Message, Whole, whole};
use crate::proxy::Proxy;
use crate::scenario::{FloodResult, RoundsResult};
use crate::upstream::{Reply, Upstream};

/// How long the upstream takes in a flood, and how long a client pauses after a refusal.
const LATENCY: Duration = Duration::from_millis(5);
/// In a round nothing is released before it has been as it is for so long.
const STILL: Duration = Duration::from_millis(10);
const LOOK: Duration = Duration::from_millis(1);

/// A client that keeps its connection.
struct Client {
    sender: SendRequest<Empty<Bytes>>,
    name: String,
    sent: u32,
}

impl Client {
    async fn connect(proxy: SocketAddr, number: u32) -> Self {
        let socket = TcpStream::connect(proxy).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(socket)).await.unwrap();
        tokio::spawn(connection);
        let name = format!("client{number}");
        Self {
            sender,
            name,
            sent: 0,
        }
    }

    async fn exchange(&mut self) -> Whole {
        self.sent += 1;
        let message = Message {
            id: format!("{}-{}", self.name, self.sent),
            method: "GET".to_owned(),
            prefix: String::new(),
            headers: BTreeMap::new(),
        };
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(message.request()).await.unwrap();
        whole(response).await.unwrap()
    }
}

/// Clients that send again and again for a while, and rest a little after a refusal.
pub(crate) async fn flood(
    proxy: SocketAddr,
    upstream: &Upstream,
    clients: u32,
    time: Duration,
) -> FloodResult {
    upstream.set_latency(Some(LATENCY));
    let end = Instant::now() + time;
    let mut all = JoinSet::new();
    for number in 0..clients {
        let mut client = Client::connect(proxy, number).await;
        all.spawn(async move {
            let mut answers = Vec::new();
            while Instant::now() < end {
                let answer = client.exchange().await;
                if answer.status != 200 {
                    sleep(LATENCY).await;
                }
                answers.push(answer);
            }
            answers
        });
    }
    let (mut statuses, mut bodies) = (BTreeMap::new(), BTreeMap::new());
    for answer in all.join_all().await.into_iter().flatten() {
        *statuses.entry(answer.status.to_string()).or_default() += 1;
        *bodies.entry(answer.body).or_default() += 1;
    }
    upstream.set_latency(None);
    FloodResult {
        clients,
        ms: time.as_millis().try_into().unwrap(),
        statuses,
        bodies,
        upstream_conns_so_far: upstream.connections(),
    }
}

/// Bursts: all send at once; what the upstream holds is released when it stays as it is, until all
/// are answered.
pub(crate) async fn rounds(
    proxy: &impl Proxy,
    upstream: &Upstream,
    rounds: u32,
    burst: u32,
) -> RoundsResult {
    let mut clients = Vec::new();
    for number in 0..burst {
        clients.push(Client::connect(proxy.address(), number).await);
    }
    let mut result = RoundsResult {
        rounds,
        burst,
        max_concurrent_at_upstream_histogram: BTreeMap::new(),
        ok_per_round_histogram: BTreeMap::new(),
        per_worker_downstream_cx: BTreeMap::new(),
    };
    for _ in 0..rounds {
        upstream.take_most_held();
        let mut all = JoinSet::new();
        for mut client in clients.drain(..) {
            all.spawn(async move { (client.exchange().await.status, client) });
        }
        let mut ok = 0_u32;
        let mut since = Instant::now();
        let mut held = Vec::new();
        while !all.is_empty() {
            while let Some(answered) = all.try_join_next() {
                let (status, client) = answered.unwrap();
                ok += u32::from(status == 200);
                clients.push(client);
                since = Instant::now();
            }
            let now = upstream.held();
            if now != held {
                held = now;
                since = Instant::now();
            }
            if held.len() == all.len()
                || (since.elapsed() > STILL && settled(proxy, &held, all.len()).await)
            {
                for id in held.drain(..) {
                    upstream.release(&id, Reply::ok());
                }
            }
            sleep(LOOK).await;
        }
        let most = upstream.take_most_held().to_string();
        *result
            .max_concurrent_at_upstream_histogram
            .entry(most)
            .or_default() += 1;
        *result
            .ok_per_round_histogram
            .entry(ok.to_string())
            .or_default() += 1;
    }
    result
}

/// Whether those that are not answered are held, or wait within the proxy: none is on its way.
async fn settled(proxy: &impl Proxy, held: &[String], unanswered: usize) -> bool {
    let stats = proxy.stats().await;
    let (active, pending) = (stats.active() as usize, stats.pending() as usize);
    active == held.len() && active + pending == unanswered
}
