//! An upstream that hands each request to the test.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::channel::mpsc as stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::process::within;

pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// Accepts everything, speaks HTTP/1 and HTTP/2, and answers nothing by itself.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

/// A request that has come, and waits for its answer. Dropped, its connection (HTTP/1) or its
/// stream (HTTP/2) ends.
pub(crate) struct Arrival {
    pub(crate) request: Request<Incoming>,
    answer: oneshot::Sender<Response<Body>>,
}

/// The rest of an answer's body.
pub(crate) struct Rest(stream::UnboundedSender<Frame<Bytes>>);

impl Upstream {
    pub(crate) async fn start() -> Self {
        Self::with(None, None).await
    }

    /// One with a certificate that lets nobody in until the other is dropped.
    pub(crate) async fn closed() -> (Self, oneshot::Sender<Infallible>) {
        let (closed, opened) = oneshot::channel();
        let tls = acceptor(&[b"http/1.1"]);
        (Self::with(Some(tls), Some(opened)).await, closed)
    }

    /// One with a certificate that nobody trusts, which offers these protocols.
    pub(crate) async fn tls(alpn: &[&[u8]]) -> Self {
        Self::with(Some(acceptor(alpn)), None).await
    }

    async fn with(tls: Option<TlsAcceptor>, opened: Option<oneshot::Receiver<Infallible>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, arrivals) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            if let Some(opened) = opened {
                let _ = opened.await;
            }
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, sender) = (tls.clone(), sender.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(TokioIo::new(socket), sender).await,
                        Some(tls) => match tls.accept(socket).await {
                            Ok(socket) => serve(TokioIo::new(socket), sender).await,
                            Err(_) => { /* whoever wants nothing of it has said so */ }
                        },
                    }
                });
            }
        });
        Self { address, arrivals }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) async fn next(&mut self) -> Arrival {
        within(self.arrivals.recv()).await.expect("it accepts")
    }

    /// The next request, which is to be this.
    pub(crate) async fn expect(&mut self, path: &str) -> Arrival {
        let arrival = self.next().await;
        assert_eq!(arrival.request.uri().path(), path);
        arrival
    }

    pub(crate) fn has_more(&self) -> bool {
        !self.arrivals.is_empty()
    }
}

/// Accepts with a certificate that nobody trusts, and offers these protocols.
pub(crate) fn acceptor(alpn: &[&[u8]]) -> TlsAcceptor {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve<T>(io: T, sender: mpsc::UnboundedSender<Arrival>)
where
    T: Read + Write + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (answer, answered) = oneshot::channel();
        // After the test nobody looks.
        let _ = sender.send(Arrival { request, answer });
        answered
    });
    // How it ends is seen at the other end.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(io, service)
        .await;
}

impl Arrival {
    pub(crate) fn answer(self, status: u16, text: &'static str) {
        let mut response = Response::new(Full::from(text).boxed());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        self.answer_with(response);
    }

    pub(crate) fn answer_with(self, response: Response<Body>) {
        // Whoever asked may have left.
        let _ = self.answer.send(response);
    }

    /// Answers with a body that never ends. Returns what breaks off when nobody wants it any more.
    pub(crate) fn answer_endlessly(self) -> oneshot::Receiver<Infallible> {
        static PIECE: [u8; 1 << 14] = [b'x'; 1 << 14];

        let (wanted, unwanted) = oneshot::channel();
        let pieces = std::iter::repeat_with(move || {
            let _ = &wanted;
            Ok(Frame::data(Bytes::from_static(&PIECE)))
        });
        let body = StreamBody::new(futures::stream::iter(pieces));
        self.answer_with(Response::new(BodyExt::boxed(body)));
        unwanted
    }

    /// Answers with these headers; the body is what is sent afterwards.
    pub(crate) fn answer_head(self, headers: HeaderMap) -> Rest {
        let (sender, frames) = stream::unbounded();
        let frames = futures::StreamExt::map(frames, Ok);
        let mut response = Response::new(BodyExt::boxed(StreamBody::new(frames)));
        *response.headers_mut() = headers;
        self.answer_with(response);
        Rest(sender)
    }

    /// The next piece of its body.
    pub(crate) async fn piece(&mut self) -> Frame<Bytes> {
        within(self.request.frame()).await.expect("more").unwrap()
    }

    /// All of its body.
    pub(crate) async fn bytes(&mut self) -> Bytes {
        let body = within(self.request.body_mut().collect()).await.unwrap();
        body.to_bytes()
    }

    pub(crate) async fn text(&mut self) -> String {
        String::from_utf8(self.bytes().await.to_vec()).unwrap()
    }

    /// Waits until its body has no end.
    pub(crate) async fn breaks_off(mut self) {
        let rest = within(self.request.body_mut().collect()).await;
        assert!(rest.is_err());
    }

    /// Waits until whoever asked has left.
    pub(crate) async fn abandoned(mut self) {
        within(self.answer.closed()).await;
    }
}

impl Rest {
    pub(crate) fn data(&self, text: &'static str) {
        self.0.unbounded_send(Frame::data(text.into())).unwrap();
    }

    pub(crate) fn trailers(&self, trailers: HeaderMap) {
        self.0.unbounded_send(Frame::trailers(trailers)).unwrap();
    }
}
