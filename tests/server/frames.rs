//! HTTP/2 frame by frame: when GOAWAY comes, and what becomes of a client that is deaf to it,
//! acknowledges nothing, and opens streams on and on, as no library does.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use meshpool::inbound::Watcher;
use meshpool::inbound::watch::WatchError;
use meshpool::{InboundPool, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM_AND_HEADERS: u8 = 0x5;
const REFUSED_STREAM: u32 = 7;

struct Client {
    socket: DuplexStream,
    last_stream: u32,
    ended: JoinHandle<Result<(), WatchError<hyper::Error>>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Served,
    Refused,
    GoAway,
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A connection carries one request, and has seven seconds of grace.
fn watcher() -> Watcher {
    InboundPool::new(Limits::new().max_requests_per_connection(1))
        .watcher()
        .grace(secs(7))
}

impl Client {
    async fn connect(watcher: &Watcher) -> Self {
        let app = Router::new()
            .route("/user", get(|| async { "Kevin" }))
            .route(
                "/slow",
                get(|| async {
                    sleep(secs(100)).await;
                    "slow"
                }),
            );
        let (socket, theirs) = tokio::io::duplex(64 * 1024);
        let connection = watcher.connection();
        let io = connection.io(TokioIo::new(theirs));
        let service = connection.service(TowerToHyperService::new(app));
        let http = http2::Builder::new(TokioExecutor::new()).serve_connection(io, service);
        let mut client = Self {
            socket,
            last_stream: 0,
            ended: tokio::spawn(connection.watch(http)),
        };
        client
            .socket
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        client.frame(SETTINGS, 0, 0, &[]).await;
        client
    }

    async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.socket.write_all(&frame).await.unwrap();
    }

    /// Opens a stream with a GET.
    async fn open(&mut self, path: &str) -> u32 {
        let stream = self.last_stream + if self.last_stream == 0 { 1 } else { 2 };
        self.last_stream = stream;
        // In the static table's terms: GET, http, an authority, a path.
        let mut head = vec![0x82, 0x86, 0x01, 0x04];
        head.extend(b"user");
        head.extend([0x04, path.len() as u8]);
        head.extend(path.as_bytes());
        self.frame(HEADERS, END_STREAM_AND_HEADERS, stream, &head)
            .await;
        stream
    }

    /// Reads on until there is an answer on a stream, and says on which, or a GOAWAY.
    async fn heard(&mut self) -> (u32, Answer) {
        loop {
            let mut head = [0; 9];
            self.socket.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.socket.read_exact(&mut payload).await.unwrap();
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            match head[3] {
                GOAWAY => return (stream, Answer::GoAway),
                HEADERS => return (stream, Answer::Served),
                RST_STREAM => {
                    assert_eq!(payload, REFUSED_STREAM.to_be_bytes());
                    return (stream, Answer::Refused);
                }
                _ => {}
            }
        }
    }

    /// Reads on until there is an answer on a stream, and says on which.
    async fn answer(&mut self) -> (u32, Answer) {
        loop {
            let heard = self.heard().await;
            if heard.1 != Answer::GoAway {
                return heard;
            }
        }
    }

    /// Waits until the connection is dropped because its grace period is over.
    async fn dropped(self) {
        let ended = self.ended.await.unwrap();
        assert!(matches!(ended, Err(WatchError::GraceExpired)), "{ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn goaway_comes_just_before_the_last_response() {
    let mut client = Client::connect(&watcher()).await;
    let began = Instant::now();
    let last = client.open("/user").await;
    assert_eq!(client.heard().await, (0, Answer::GoAway));
    assert_eq!(client.heard().await, (last, Answer::Served));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn goaway_does_not_wait_long_for_the_last_response() {
    let mut client = Client::connect(&watcher()).await;
    let began = Instant::now();
    let last = client.open("/slow").await;
    assert_eq!(client.heard().await, (0, Answer::GoAway));
    // Timers go off up to a millisecond late.
    assert!((10..=11).contains(&began.elapsed().as_millis()));
    assert_eq!(client.heard().await, (last, Answer::Served));
}

#[tokio::test(start_paused = true)]
async fn goaway_comes_at_once_when_a_stream_too_many_is_opened() {
    let mut client = Client::connect(&watcher()).await;
    let began = Instant::now();
    for _ in 0..2 {
        client.open("/slow").await;
    }
    assert_eq!(client.heard().await, (0, Answer::GoAway));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_deaf_client_is_dropped_after_the_grace_period() {
    let mut client = Client::connect(&watcher()).await;
    let began = Instant::now();
    let stream = client.open("/user").await;
    assert_eq!(client.answer().await, (stream, Answer::Served));
    client.dropped().await;
    assert_eq!(began.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn streams_are_refused_after_the_grace_period_and_do_not_keep_the_connection_open() {
    let mut client = Client::connect(&watcher()).await;
    let began = Instant::now();
    for (second, expected) in [
        (0, Answer::Served),
        (2, Answer::Served),
        (4, Answer::Served),
        (6, Answer::Served),
        (8, Answer::Refused),
        (10, Answer::Refused),
        (12, Answer::Refused),
    ] {
        sleep_until(began + secs(second)).await;
        // Many at once: their refusals are written at once, and are as long as a response.
        for _ in 0..10 {
            client.open("/user").await;
        }
        for _ in 0..10 {
            assert_eq!(client.answer().await.1, expected, "after {second} seconds");
        }
    }
    // The last that were served were so after six seconds.
    client.dropped().await;
    assert_eq!(began.elapsed().as_secs(), 6 + 7);
}

#[tokio::test(start_paused = true)]
async fn what_is_active_after_the_grace_period_is_served_to_its_end() {
    let mut client = Client::connect(&watcher()).await;
    let began = Instant::now();
    let slow = client.open("/slow").await;
    sleep(secs(50)).await;
    let late = client.open("/user").await;
    assert_eq!(client.answer().await, (late, Answer::Refused));
    assert_eq!(client.answer().await, (slow, Answer::Served));
    assert_eq!(began.elapsed().as_secs(), 100);
    client.dropped().await;
    assert_eq!(began.elapsed().as_secs(), 100 + 7);
}
