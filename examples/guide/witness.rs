//! The service of the guide, and a witness in it who knows nothing of the pool: how many requests
//! ran at once, and what each connection carried.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use meshpool::InboundPool;
use meshpool::inbound;
use tokio::net::TcpListener;

use crate::service::service;

/// Serves the user on a free port of this machine, within the pool's limits.
pub(crate) async fn serve(
    pool: &InboundPool,
    witness: &Witness,
    latency: Duration,
) -> io::Result<SocketAddr> {
    let app = service(latency)
        .layer(from_fn_with_state(witness.clone(), see_active))
        .layer(pool.layer())
        .layer(from_fn_with_state(witness.clone(), see_connection));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let accepted = AtomicU64::new(0);
    let server = inbound::serve(listener, app)
        .pool(pool)
        .connect_info(move |_, _| Connection(accepted.fetch_add(1, SeqCst)));
    tokio::spawn(server.into_future());
    Ok(address)
}

/// The number of an accepted connection. A client's address would not do: the system gives it
/// to another connection sooner or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Connection(u64);

#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    active: AtomicUsize,
    peak_active: AtomicUsize,
    /// How many requests each carried, refused ones too.
    connections: Mutex<HashMap<Connection, u64>>,
}

impl Witness {
    /// Begins anew, while nothing runs.
    pub(crate) fn forget(&self) {
        self.0.peak_active.store(0, SeqCst);
        self.requests_by_connection().clear();
    }

    pub(crate) fn peak_active(&self) -> usize {
        self.0.peak_active.load(SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.requests_by_connection().len()
    }

    pub(crate) fn max_requests_on_a_connection(&self) -> u64 {
        let requests = self.requests_by_connection();
        requests.values().copied().max().unwrap_or(0)
    }

    fn requests_by_connection(&self) -> MutexGuard<'_, HashMap<Connection, u64>> {
        let connections = self.0.connections.lock();
        connections.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Around everything.
async fn see_connection(
    State(witness): State<Witness>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    *witness
        .requests_by_connection()
        .entry(connection)
        .or_default() += 1;
    next.run(request).await
}

/// Around the handler: the request is active until its body is dropped.
async fn see_active(State(witness): State<Witness>, request: Request, next: Next) -> Response {
    let active = Active::begin(witness);
    let response = next.run(request).await;
    response.map(|body| {
        Body::new(Seeing {
            body,
            _active: active,
        })
    })
}

/// One that runs.
struct Active(Witness);

impl Active {
    fn begin(witness: Witness) -> Self {
        let now = witness.0.active.fetch_add(1, SeqCst) + 1;
        witness.0.peak_active.fetch_max(now, SeqCst);
        Self(witness)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.0.active.fetch_sub(1, SeqCst);
    }
}

struct Seeing {
    body: Body,
    _active: Active,
}

impl http_body::Body for Seeing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
