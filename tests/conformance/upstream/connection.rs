//! A connection of the upstream: what both protocols have in common.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::server::TlsStream;

use super::{Reply, Shared, handshake, http1, http2};
use crate::log::Event;
use crate::scenario::{By, Cut, Protocol};

/// What a connection is told.
pub(super) enum Command {
    /// Let the handshake go on, or fail.
    Handshake {
        cut: Option<Cut>,
        done: oneshot::Sender<()>,
    },
    Reply {
        id: String,
        reply: Reply,
    },
    Cut(Cut),
    Goaway,
    Settings(u32),
}

/// TCP, or TLS on it.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {
    /// It ends by a reset when it is dropped.
    fn reset_on_drop(&self);

    /// What is sent from now on arrives together with the end.
    fn send_with_end(&self);
}

impl Socket for TcpStream {
    fn reset_on_drop(&self) {
        self.set_zero_linger().unwrap();
    }

    fn send_with_end(&self) {
        rustix::net::sockopt::set_tcp_cork(self, true).unwrap();
    }
}

impl Socket for TlsStream<TcpStream> {
    fn reset_on_drop(&self) {
        self.get_ref().0.reset_on_drop();
    }

    fn send_with_end(&self) {
        self.get_ref().0.send_with_end();
    }
}

pub(super) struct Connection {
    number: u32,
    /// How many requests it has met.
    carried: u32,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) shared: Arc<Shared>,
}

impl Connection {
    pub(super) fn new(
        number: u32,
        commands: mpsc::UnboundedReceiver<Command>,
        shared: Arc<Shared>,
    ) -> Self {
        shared.log.add(Event::Opened(number));
        if shared.tls {
            let mut state = shared.state.lock().unwrap();
            if !state.open {
                state.connecting.push_back(number);
            }
        }
        Self {
            number,
            carried: 0,
            commands,
            shared,
        }
    }

    pub(super) async fn serve(mut self, socket: TcpStream) {
        let socket: Box<dyn Socket> = if self.shared.tls {
            match handshake::hold(&mut self, socket).await {
                Some(socket) => Box::new(socket),
                None => return,
            }
        } else {
            Box::new(socket)
        };
        match self.shared.protocol {
            Protocol::H1 => http1::serve(self, socket).await,
            Protocol::H2 => http2::serve(self, socket).await,
        }
    }

    /// A request has come; it is held from now on. Its id is the last part of its path.
    pub(super) fn attached(&mut self, path: &str) -> String {
        let id = path.rsplit('/').next().unwrap().to_owned();
        self.carried += 1;
        let event = Event::Attached(id.clone(), self.number, self.carried);
        self.shared.log.add(event);
        let mut state = self.shared.state.lock().unwrap();
        state.held.insert(id.clone(), self.number);
        state.most_held = state.most_held.max(state.held.len());
        if let Some(latency) = state.latency {
            let connection = state.connections[self.number as usize - 1].clone();
            let (id, reply) = (id.clone(), Reply::ok());
            tokio::spawn(async move {
                tokio::time::sleep(latency).await;
                let _ = connection.send(Command::Reply { id, reply });
            });
        }
        id
    }

    pub(super) fn released(&self, id: &str) {
        self.forget(id);
        self.shared.log.add(Event::Released);
    }

    pub(super) fn aborted(&self, id: &str, how: &str) {
        self.forget(id);
        let event = Event::Aborted(id.to_owned(), how.to_owned());
        self.shared.log.add(event);
    }

    fn forget(&self, id: &str) {
        self.shared.state.lock().unwrap().held.remove(id);
    }

    /// The connection has ended, and with it the requests that it held.
    pub(super) fn closed<'a>(&self, by: By, held: impl IntoIterator<Item = &'a String>) {
        let how = match by {
            By::Proxy => "conn closed by envoy",
            By::Upstream => "conn closed by upstream",
        };
        for id in held {
            self.aborted(id, how);
        }
        self.shared.log.add(Event::Closed(self.number, by));
    }

    /// The proxy gave up while the handshake was held.
    pub(super) fn abandoned(&self) {
        let mut state = self.shared.state.lock().unwrap();
        state.connecting.retain(|number| *number != self.number);
        drop(state);
        self.shared.log.add(Event::Abandoned);
    }
}
