use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower_service::Service;

use super::Listener;
use super::accept::{Acceptor, OnError};
use super::app::Insert;
use super::connection::Settings;
use super::run::{ServeFuture, Server};
use crate::Limits;
use crate::http::BoxError;
use crate::inbound::pool::{InboundPool, PoolHandle};
use crate::inbound::watch::Watcher;

/// Told of each connection, says what to tell the application of it.
pub(super) type ConnectInfo<L> =
    Arc<dyn Fn(&<L as Listener>::Io, &<L as Listener>::Addr) -> Insert + Send + Sync>;

/// Serves an application on a listener. See the [module](super).
///
/// Configure it, then await it:
///
/// ```no_run
/// use meshpool::inbound::serve;
///
/// # async fn run() -> std::io::Result<()> {
/// let app: axum::Router = axum::Router::new();
/// let listener = tokio::net::UnixListener::bind("/run/user.sock")?;
/// serve(listener, app).max_connections(100).await;
/// # Ok(())
/// # }
/// ```
pub fn serve<L, A>(listener: L, app: A) -> Serve<L, A>
where
    L: Listener,
{
    Serve {
        listener,
        app,
        watcher: InboundPool::new(Limits::new()).watcher(),
        max_connections: None,
        settings: Settings {
            nodelay: true,
            handshake_timeout: Some(Duration::from_secs(10)),
            header_read_timeout: Some(Duration::from_secs(30)),
        },
        connect_info: None,
        on_accept_error: None,
        shutdown: None,
    }
}

/// A server to be. Made by [`serve`].
///
/// Awaiting it serves, until the [shutdown](Self::with_graceful_shutdown) is complete, or for
/// ever.
#[must_use = "a server does nothing until it is awaited"]
pub struct Serve<L: Listener, A> {
    listener: L,
    app: A,
    watcher: Watcher,
    max_connections: Option<usize>,
    settings: Settings,
    connect_info: Option<ConnectInfo<L>>,
    on_accept_error: Option<OnError>,
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<L: Listener, A> Serve<L, A> {
    /// The pool whose limits on connections hold, live: requests per connection, idle timeout,
    /// maximum duration; and whose stall timeout. Default: no limits, and 60 seconds.
    ///
    /// Limits on requests are the layers' alone.
    pub fn pool<H: PoolHandle>(mut self, pool: &InboundPool<H>) -> Self {
        self.watcher = self.watcher.for_pool(pool);
        self
    }

    /// At most so many connections are open at once; `None` is unlimited. Default: unlimited.
    ///
    /// A connection counts from when it is accepted until its socket is closed, also if it is
    /// upgraded. While there are so many, no other is accepted: it waits in the system's
    /// backlog.
    ///
    /// # Panics
    ///
    /// If `max` is 0.
    pub fn max_connections(mut self, max: impl Into<Option<usize>>) -> Self {
        self.max_connections = max.into();
        assert_ne!(
            self.max_connections,
            Some(0),
            "max_connections must be at least 1"
        );
        self
    }

    /// How long a retired connection may take to close; `None` is as long as it likes. Default:
    /// 30 seconds. See [`Watcher::grace`]; it bounds the graceful shutdown, too.
    pub fn grace(mut self, grace: impl Into<Option<Duration>>) -> Self {
        self.watcher = self.watcher.grace(grace);
        self
    }

    /// By which share, at most, requests per connection and maximum duration are shortened, at
    /// random, for each connection; a tenth of each is always left. Default: 0, not at all. See
    /// [`Watcher::jitter`].
    ///
    /// # Panics
    ///
    /// If `share` is not within 0 and 1.
    pub fn jitter(mut self, share: f64) -> Self {
        self.watcher = self.watcher.jitter(share);
        self
    }

    /// Whether HTTP/2 streams past the number of requests per connection are answered with
    /// REFUSED_STREAM. Default: no. See [`Watcher::refuse_late_streams`].
    pub fn refuse_late_streams(mut self, refuse: bool) -> Self {
        self.watcher = self.watcher.refuse_late_streams(refuse);
        self
    }

    /// Whether small writes are sent at once (TCP_NODELAY), where the listener
    /// [can tell](Listener::set_nodelay). Default: yes.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.settings.nodelay = nodelay;
        self
    }

    /// How long the listener's handshake (TLS) may take; `None` is for ever. Default: 10 seconds.
    pub fn handshake_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.handshake_timeout = timeout.into();
        self
    }

    /// How long a new connection may take until it is known what it speaks, and the head of an
    /// HTTP/1 request from its first byte to its last; `None` is for ever. Default: 30 seconds.
    /// How long a connection may be idle between requests is another matter:
    /// [`Limits::idle_timeout`].
    pub fn header_read_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.header_read_timeout = timeout.into();
        self
    }

    /// Puts what this says of a connection into the extensions of each of its requests. It is
    /// asked once for each connection, after the handshake. Default: nothing.
    ///
    /// ```
    /// use axum::{Router, extract::ConnectInfo, routing::get};
    /// use meshpool::inbound::serve;
    /// use std::net::SocketAddr;
    ///
    /// # async fn run() -> std::io::Result<()> {
    /// let app: Router = Router::new().route(
    ///     "/",
    ///     get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    /// );
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let server = serve(listener, app).connect_info(|_socket, peer| ConnectInfo(*peer));
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
    /// ```
    pub fn connect_info<T>(
        mut self,
        info: impl Fn(&L::Io, &L::Addr) -> T + Send + Sync + 'static,
    ) -> Self
    where
        T: Clone + Send + Sync + 'static,
    {
        self.connect_info = Some(Arc::new(move |io, peer| {
            let info = info(io, peer);
            Arc::new(move |extensions| {
                extensions.insert(info.clone());
            })
        }));
        self
    }

    /// Is told of errors while accepting. Default: nobody is.
    ///
    /// None ends the server. What concerns one connection is passed over; after anything else,
    /// like a process that has no file descriptors left (EMFILE), there is a pause of 5
    /// milliseconds, doubled each time up to one second.
    pub fn on_accept_error(
        mut self,
        on_error: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> Self {
        self.on_accept_error = Some(Box::new(on_error));
        self
    }

    /// Shuts down when the signal ends: accepts nothing more, closes the listener, retires all
    /// connections, and is done when the last of them is closed, after the
    /// [grace period](Self::grace) at the latest.
    ///
    /// Sockets that were upgraded are their handlers' business, and not waited for.
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.shutdown = Some(Box::pin(signal));
        self
    }
}

impl<L, A, B> IntoFuture for Serve<L, A>
where
    L: Listener,
    A: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    A::Error: Into<BoxError>,
    A::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Output = ();
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        let watcher = self
            .watcher
            .opening_timeout(self.settings.header_read_timeout);
        let server = Server {
            acceptor: Acceptor::new(self.listener, self.max_connections, self.on_accept_error),
            app: self.app,
            watcher,
            settings: self.settings,
            connect_info: self.connect_info,
        };
        ServeFuture::new(server.run(self.shutdown))
    }
}

impl<L: Listener + fmt::Debug, A> fmt::Debug for Serve<L, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("watcher", &self.watcher)
            .field("max_connections", &self.max_connections)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
