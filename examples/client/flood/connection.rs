//! One client's connection, opened when it is needed and kept as long as the server keeps it.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::header::HOST;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Target;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// After how long a client no longer believes in an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of an answer a client reads.
const MOST: usize = 64 * 1024;

/// How many connections are tried that the server closes at that very moment.
const TRIES: u32 = 3;

#[derive(Debug)]
pub(crate) struct Connection {
    target: Arc<Target>,
    http2: bool,
    open: Option<Sender>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Connection {
    pub(crate) fn new(target: Arc<Target>, http2: bool) -> Self {
        Self {
            target,
            http2,
            open: None,
        }
    }

    /// Asks, and reads the answer to its end.
    pub(crate) async fn get(&mut self) -> Result<Response<Bytes>, BoxError> {
        timeout(PATIENCE, self.exchange()).await?
    }

    async fn exchange(&mut self) -> Result<Response<Bytes>, BoxError> {
        let mut tries = 0;
        let (mut sender, response) = loop {
            tries += 1;
            let kept = self.open.take().filter(|sender| !sender.is_closed());
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            match sender.send(self.request()?).await {
                Ok(response) => break (sender, response),
                Err(error) if tries < TRIES && was_too_late(&error) => {}
                Err(error) => return Err(error.into_error().into()),
            }
        };
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MOST).collect().await?.to_bytes();
        // An error says that the connection ends here.
        if sender.ready().await.is_ok() {
            self.open = Some(sender);
        }
        Ok(Response::from_parts(head, body))
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>, http::Error> {
        let uri = &self.target.uri;
        if self.http2 {
            return Request::get(uri.clone())
                .version(Version::HTTP_2)
                .body(Empty::new());
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let host = uri.authority().map_or("", |authority| authority.as_str());
        Request::get(path).header(HOST, host).body(Empty::new())
    }

    async fn connect(&self) -> Result<Sender, BoxError> {
        let socket = TcpStream::connect(&self.target.address).await?;
        socket.set_nodelay(true)?;
        let socket = TokioIo::new(socket);
        // A connection that fails says so to the request on it.
        Ok(if self.http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), socket).await?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(socket).await?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        })
    }
}

/// Whether the server was closing the connection, and wants the request on another one: it never
/// left, or HTTP/2 says so. If a GOAWAY comes in that very moment, hyper says so of a request that
/// is being served, too; to ask for the user twice does no harm.
fn was_too_late<T>(error: &TrySendError<T>) -> bool {
    let h2 = error
        .error()
        .source()
        .and_then(|error| error.downcast_ref::<h2::Error>());
    error.message().is_some()
        || h2.is_some_and(|error| {
            let by_goaway = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
            error.is_remote() && (by_goaway || error.reason() == Some(Reason::REFUSED_STREAM))
        })
}

impl Sender {
    fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_closed(),
            Self::Http2(sender) => sender.is_closed(),
        }
    }

    async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Self::Http1(sender) => sender.ready().await,
            Self::Http2(sender) => sender.ready().await,
        }
    }

    async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Empty<Bytes>>>> {
        match self {
            Self::Http1(sender) => sender.try_send_request(request).await,
            Self::Http2(sender) => sender.try_send_request(request).await,
        }
    }
}
