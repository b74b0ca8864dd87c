//! The gated upstream: it holds each request, and each TLS handshake, until it is told what to do
//! with it, and writes down what it meets.

mod connection;
mod frames;
mod handshake;
mod http1;
mod http2;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::connection::{Command, Connection};
use crate::log::Log;
use crate::scenario::{Cut, How, Protocol, Scenario};

/// The body of every answer.
const BODY: &str = "Kevin";

pub(crate) struct Upstream {
    address: SocketAddr,
    /// Bound, and not listening yet: who connects is refused.
    down: Option<TcpSocket>,
    accepting: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// What the upstream and its connections share.
struct Shared {
    protocol: Protocol,
    tls: bool,
    max_concurrent_streams: Option<u32>,
    log: Log,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: Vec<mpsc::UnboundedSender<Command>>,
    /// Where the requests are that are held.
    held: BTreeMap<String, u32>,
    /// The most that there were at once since somebody asked.
    most_held: usize,
    /// Connections whose handshake is held, oldest first.
    connecting: VecDeque<u32>,
    /// Handshakes are no longer held.
    open: bool,
    /// Requests are not held: they are answered after so long.
    latency: Option<Duration>,
}

/// An answer, or what comes instead.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) how: How,
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self {
            how: How::Answer,
            status: 200,
            headers: BTreeMap::new(),
        }
    }
}

impl Upstream {
    pub(crate) fn new(scenario: &Scenario, log: Log) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let mut upstream = Self {
            address: socket.local_addr().unwrap(),
            down: Some(socket),
            accepting: None,
            shared: Arc::new(Shared {
                protocol: scenario.protocol,
                tls: scenario.tls,
                max_concurrent_streams: scenario.upstream.max_concurrent_streams,
                log,
                state: Mutex::default(),
            }),
        };
        if !scenario.upstream.down {
            upstream.listen();
        }
        upstream
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn listen(&mut self) {
        let socket = self.down.take().expect("it does not listen yet");
        let listener = socket.listen(1024).unwrap();
        self.accepting = Some(tokio::spawn(accept(listener, self.shared.clone())));
    }

    /// Ends the hold on a request, if there is one.
    pub(crate) fn release(&self, id: &str, reply: Reply) {
        let state = self.shared.state.lock().unwrap();
        if let Some(number) = state.held.get(id) {
            let id = id.to_owned();
            state.command(*number, Command::Reply { id, reply });
        }
    }

    /// Lets the oldest handshakes end, one after the other.
    pub(crate) async fn connects(&self, count: usize, cut: Option<Cut>) {
        for _ in 0..count {
            let (done, ended) = oneshot::channel();
            {
                let mut state = self.shared.state.lock().unwrap();
                let Some(number) = state.connecting.pop_front() else {
                    return;
                };
                state.command(number, Command::Handshake { cut, done });
            }
            // It is dropped by a connection that was abandoned.
            let _ = ended.await;
        }
    }

    /// Lets all handshakes end, and holds no more.
    pub(crate) async fn open(&self) {
        self.shared.state.lock().unwrap().open = true;
        self.connects(usize::MAX, None).await;
    }

    pub(crate) fn goaway(&self, number: u32) {
        self.command(number, Command::Goaway);
    }

    pub(crate) fn settings(&self, number: u32, max_concurrent_streams: u32) {
        self.command(number, Command::Settings(max_concurrent_streams));
    }

    pub(crate) fn cut(&self, number: u32, cut: Cut) {
        self.command(number, Command::Cut(cut));
    }

    fn command(&self, number: u32, command: Command) {
        self.shared.state.lock().unwrap().command(number, command);
    }

    /// Answers from now on by itself after so long, or holds again.
    pub(crate) fn set_latency(&self, latency: Option<Duration>) {
        self.shared.state.lock().unwrap().latency = latency;
    }

    /// The requests that are held now.
    pub(crate) fn held(&self) -> Vec<String> {
        let state = self.shared.state.lock().unwrap();
        state.held.keys().cloned().collect()
    }

    /// The most requests that were held at once since the last call.
    pub(crate) fn take_most_held(&self) -> usize {
        let mut state = self.shared.state.lock().unwrap();
        let now = state.held.len();
        std::mem::replace(&mut state.most_held, now)
    }

    pub(crate) fn connections(&self) -> u32 {
        u32::try_from(self.shared.state.lock().unwrap().connections.len()).unwrap()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

impl State {
    fn command(&self, number: u32, command: Command) {
        // One that has ended, or never was, heeds nothing.
        if let Some(connection) = self.connections.get(number as usize - 1) {
            let _ = connection.send(command);
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (sender, commands) = mpsc::unbounded_channel();
        let number = {
            let mut state = shared.state.lock().unwrap();
            state.connections.push(sender);
            u32::try_from(state.connections.len()).unwrap()
        };
        let connection = Connection::new(number, commands, shared.clone());
        tokio::spawn(connection.serve(socket));
    }
}
