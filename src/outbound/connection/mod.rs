//! One connection: how it is opened, and the task that runs it.
//!
//! [`open`] is the whole life of one: the connector, the handshake, and then hyper's future, which
//! does the work, polled beside what the pool has to say ([`Control`]). What a connection knows of
//! its pool is an [`Owner`] and its own key. When the socket is gone, and not before, [`Io`] says
//! so.

mod connect;
mod control;
mod http1;
mod http2;
mod io;
mod sender;
mod tasks;

pub use self::connect::Connect;
pub(crate) use self::control::{Control, Order};
pub(crate) use self::http2::KeepAlive;
pub(crate) use self::sender::Sender;
pub(crate) use self::tasks::{Interest, Tasks};

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use http_body::Body;
use hyper_util::client::legacy::connect::Connection as _;
use tokio::time::timeout;

use self::io::{Io, Slot};
use super::destination::{ConnectionKey, Protocol};
use super::error::BoxError;

/// How long a connection that was idle may take to say goodbye. It holds its slot until then.
const GOODBYE: Duration = Duration::from_secs(1);

/// What a connection tells its pool.
pub(crate) trait Owner<B>: Send + Sync + 'static {
    /// It is there.
    fn connected(self: Arc<Self>, key: ConnectionKey, protocol: Protocol, sender: Arc<Sender<B>>);

    /// An HTTP/1 connection that had not done with the last request when its response was read has
    /// moved on. Whether that settled it.
    fn moved_on(self: Arc<Self>, key: ConnectionKey) -> bool;

    /// The peer takes this many streams at a time.
    fn settings(self: Arc<Self>, key: ConnectionKey, max_streams: u32);

    /// The peer takes no more streams.
    fn go_away(self: Arc<Self>, key: ConnectionKey);

    /// Its socket is gone, or there never was one.
    fn closed(self: Arc<Self>, key: ConnectionKey, control: &Control);
}

/// What a connection has to know to be opened.
pub(crate) struct Opening<C, O> {
    pub(crate) connector: C,
    pub(crate) uri: Uri,
    pub(crate) http2_only: bool,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) owner: Arc<O>,
    pub(crate) key: ConnectionKey,
    pub(crate) control: Arc<Control>,
}

/// Opens a connection and runs it to its end. A future that is dropped, even unpolled, as by a
/// runtime that has ended, gives the slot back.
pub(crate) fn open<C, O, B>(opening: Opening<C, O>) -> impl Future<Output = ()> + Send
where
    C: Connect,
    O: Owner<B>,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    // Held to the end, so that whoever is told that it is over can be told why.
    let (owner, control) = (opening.owner.clone(), opening.control.clone());
    let slot = Arc::new(Slot::<O, B>::new(owner, opening.key, control));
    run(opening, slot)
}

async fn run<C, O, B>(opening: Opening<C, O>, slot: Arc<Slot<O, B>>)
where
    C: Connect,
    O: Owner<B>,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let Opening {
        connector,
        uri,
        http2_only,
        keep_alive,
        owner,
        key,
        control,
    } = opening;
    let Some(connected) = unless_aborted(&control, connector.connect(uri.clone())).await else {
        return;
    };
    let io = match connected {
        Ok(io) => io,
        Err(error) => return control.failed(error),
    };
    let connected = io.connected();
    let speaks_http2 = http2_only || connected.is_negotiated_h2();
    let is_proxied = connected.is_proxied() && uri.scheme() == Some(&Scheme::HTTP);
    let io = Io::new(io, slot.clone());
    let done = match speaks_http2 {
        true => http2::run(io, keep_alive, owner, key, &control).await,
        false => http1::run(io, is_proxied, owner, key, &control).await,
    };
    if let Err(error) = done {
        control.failed(Arc::new(error));
    }
}

/// Waits for a connection that was idle to end, for a while.
async fn say_goodbye(control: &Control, connection: impl Future) {
    // Whichever way it ends, that is it.
    drop(timeout(GOODBYE, unless_aborted(control, connection)).await);
}

async fn unless_aborted<F: Future>(control: &Control, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        control.register(cx);
        if control.has(Order::Abort) {
            return Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}
