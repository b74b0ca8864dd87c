//! [`KeepAliveConnector`]: TCP connections with the keep-alive that the limits say.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use http::Uri;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::limits::{LimitsSource, TcpKeepAlive};
use crate::outbound::destinations::Target;
use crate::outbound::error::BoxError;

/// Gives each connection of another connector the [keep-alive](crate::Limits::tcp_keep_alive) that
/// the limits of its destination say at the time.
///
/// Around hyper-util's `HttpConnector`, or whatever else connects by TCP; under TLS it stands
/// between the two. It asks the same source as the client, so that a rule file, the rules of a mesh
/// or code have the one say in all. When they change, connections that are open stay as they are.
///
/// ```
/// use std::time::Duration;
///
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::client::legacy::connect::HttpConnector;
/// use meshpool::Limits;
/// use meshpool::limits::{LiveLimits, TcpKeepAlive};
/// use meshpool::outbound::{Client, KeepAliveConnector};
///
/// let keep_alive = TcpKeepAlive::new().time(Duration::from_secs(60));
/// let limits = LiveLimits::new(Limits::new().max_connections(4).tcp_keep_alive(keep_alive));
/// let connector = KeepAliveConnector::new(HttpConnector::new(), limits.clone());
/// let client: Client<Empty<Bytes>> = Client::builder().limits(limits).build(connector);
/// # let _ = client;
/// ```
///
/// # Errors
///
/// Those of the other connector, and what the system says of a keep-alive that it can't set, for
/// which the connect fails, as in Envoy: Linux takes at most 32767 seconds and 127 probes.
#[derive(Clone)]
pub struct KeepAliveConnector<C> {
    inner: C,
    limits: Arc<dyn LimitsSource>,
}

impl<C> KeepAliveConnector<C> {
    /// Connects by `connector`. `limits` are those of the client.
    pub fn new(connector: C, limits: impl LimitsSource + 'static) -> Self {
        Self {
            inner: connector,
            limits: Arc::new(limits),
        }
    }
}

impl<C> Service<Uri> for KeepAliveConnector<C>
where
    C: Service<Uri, Response = TokioIo<TcpStream>>,
    C::Error: Into<BoxError>,
{
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = KeepAliveConnecting<C::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // What is no destination is the other connector's to refuse.
        let destination = Target::of(&uri).map(|target| target.to_destination());
        let limits = destination.map(|destination| self.limits.limits(&destination));
        KeepAliveConnecting {
            keep_alive: limits.ok().and_then(|limits| limits.tcp_keep_alive),
            inner: self.inner.call(uri),
        }
    }
}

impl<C: fmt::Debug> fmt::Debug for KeepAliveConnector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAliveConnector")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// What a [`KeepAliveConnector`] does when called.
    #[must_use = "futures do nothing unless polled"]
    pub struct KeepAliveConnecting<F> {
        #[pin]
        inner: F,
        keep_alive: Option<TcpKeepAlive>,
    }
}

impl<F, E> Future for KeepAliveConnecting<F>
where
    F: Future<Output = Result<TokioIo<TcpStream>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<TokioIo<TcpStream>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let connected = ready!(this.inner.poll(cx)).map_err(Into::into)?;
        if let Some(keep_alive) = *this.keep_alive {
            set(connected.inner(), keep_alive).map_err(|cause| NotSet { keep_alive, cause })?;
        }
        Poll::Ready(Ok(connected))
    }
}

impl<F> fmt::Debug for KeepAliveConnecting<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAliveConnecting")
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

fn set(socket: &TcpStream, keep_alive: TcpKeepAlive) -> io::Result<()> {
    let socket = SockRef::from(socket);
    if keep_alive.is_off() {
        return socket.set_keepalive(false);
    }
    socket.set_keepalive(true)?;
    if keep_alive == TcpKeepAlive::new() {
        return Ok(());
    }
    let mut options = TcpKeepalive::new();
    if let Some(time) = keep_alive.time {
        options = options.with_time(time);
    }
    // Other systems have these for all sockets alike.
    #[cfg(any(
        target_vendor = "apple",
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
        target_os = "windows",
    ))]
    {
        if let Some(interval) = keep_alive.interval {
            options = options.with_interval(interval);
        }
        if let Some(probes) = keep_alive.probes {
            options = options.with_retries(probes);
        }
    }
    socket.set_tcp_keepalive(&options)
}

/// The system does not take a keep-alive.
#[derive(Debug)]
struct NotSet {
    keep_alive: TcpKeepAlive,
    cause: io::Error,
}

impl fmt::Display for NotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TcpKeepAlive {
            time,
            interval,
            probes,
        } = self.keep_alive;
        f.write_str("the system does not take the TCP keep-alive")?;
        if let Some(time) = time {
            write!(f, ", time {time:?}")?;
        }
        if let Some(interval) = interval {
            write!(f, ", interval {interval:?}")?;
        }
        if let Some(probes) = probes {
            write!(f, ", probes {probes}")?;
        }
        Ok(())
    }
}

impl Error for NotSet {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use hyper_util::client::legacy::connect::HttpConnector;
    use tokio::net::TcpListener;
    use tower::ServiceExt;

    use super::*;
    use crate::Limits;
    use crate::limits::LiveLimits;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Whether it is on, and its time, interval and probes.
    fn of(connection: &TokioIo<TcpStream>) -> (bool, Duration, Duration, u32) {
        let socket = SockRef::from(connection.inner());
        (
            socket.keepalive().unwrap(),
            socket.tcp_keepalive_time().unwrap(),
            socket.tcp_keepalive_interval().unwrap(),
            socket.tcp_keepalive_retries().unwrap(),
        )
    }

    /// Connections to a listener, under limits that can be changed.
    struct Setup {
        uri: Uri,
        limits: LiveLimits,
        connector: KeepAliveConnector<HttpConnector>,
        _listener: TcpListener,
    }

    impl Setup {
        async fn new(inner: HttpConnector) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let limits = LiveLimits::new(Limits::new());
            Self {
                uri: format!("http://{}/", listener.local_addr().unwrap())
                    .parse()
                    .unwrap(),
                connector: KeepAliveConnector::new(inner, limits.clone()),
                limits,
                _listener: listener,
            }
        }

        async fn connect(
            &self,
            keep_alive: impl Into<Option<TcpKeepAlive>>,
        ) -> Result<TokioIo<TcpStream>, BoxError> {
            self.limits.set(Limits::new().tcp_keep_alive(keep_alive));
            self.connector.clone().oneshot(self.uri.clone()).await
        }
    }

    #[tokio::test]
    async fn each_connection_has_what_the_limits_say_at_the_time() {
        let setup = Setup::new(HttpConnector::new()).await;
        let plain = setup.connect(None).await.unwrap();
        let (is_on, time, interval, probes) = of(&plain);
        assert!(!is_on);

        // What is left out is the system's.
        let by_default = setup.connect(TcpKeepAlive::new()).await.unwrap();
        assert_eq!(of(&by_default), (true, time, interval, probes));
        let timed = setup.connect(TcpKeepAlive::new().time(MINUTE)).await;
        assert_eq!(of(&timed.unwrap()), (true, MINUTE, interval, probes));
        let second = Duration::from_secs(1);
        let all = TcpKeepAlive::new().time(MINUTE).interval(second).probes(2);
        let all = setup.connect(all).await.unwrap();
        assert_eq!(of(&all), (true, MINUTE, second, 2));

        // Those that are open stay as they are.
        let off = setup.connect(TcpKeepAlive::new().probes(0)).await.unwrap();
        assert!(!of(&off).0);
        assert_eq!(of(&all), (true, MINUTE, second, 2));
    }

    #[tokio::test]
    async fn what_the_other_connector_sets_holds_where_nothing_is_said() {
        let mut inner = HttpConnector::new();
        inner.set_keepalive(Some(MINUTE));
        let setup = Setup::new(inner).await;
        let (is_on, time, ..) = of(&setup.connect(None).await.unwrap());
        assert!(is_on);
        assert_eq!(time, MINUTE);
        let off = TcpKeepAlive::new().time(Duration::ZERO);
        assert!(!of(&setup.connect(off).await.unwrap()).0);
    }

    #[tokio::test]
    async fn what_the_system_does_not_take_fails_the_connect_and_says_why() {
        let setup = Setup::new(HttpConnector::new()).await;
        let day = TcpKeepAlive::new().time(MINUTE * 1440).probes(3);
        let error = setup.connect(day).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the system does not take the TCP keep-alive, time 86400s, probes 3"
        );
        let cause = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(cause.kind(), io::ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn a_uri_that_leads_nowhere_is_the_other_connectors_to_refuse() {
        let setup = Setup::new(HttpConnector::new()).await;
        let nowhere = setup.connector.oneshot(Uri::from_static("/user"));
        assert!(nowhere.await.is_err());
    }
}
