//! HTTPS: a listener of tokio-rustls under `serve`, with HTTP/1 and HTTP/2 by ALPN, and a
//! certificate that it signs itself.
//!
//! ```text
//! cargo run --example tls                            serves itself one request, and ends
//! cargo run --example tls -- --listen 127.0.0.1:8443 serves until it is interrupted
//! curl --insecure https://127.0.0.1:8443/user
//! ```

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use meshpool::inbound::{Listener, serve};
use meshpool::{InboundPool, Limits};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};

/// TCP with TLS on it. It accepts at once; the handshake is the connection's own business.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TokioIo<TlsStream<TcpStream>>;
    type Addr = SocketAddr;
    type Handshake = Pin<Box<dyn Future<Output = io::Result<Self::Io>> + Send>>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Handshake, SocketAddr)>> {
        let (socket, peer) = ready!(self.tcp.poll_accept(cx))?;
        let handshake = self.tls.accept(socket);
        Poll::Ready(Ok((
            Box::pin(async { Ok(TokioIo::new(handshake.await?)) }),
            peer,
        )))
    }

    fn set_nodelay(io: &Self::Io, nodelay: bool) -> io::Result<()> {
        io.inner().get_ref().0.set_nodelay(nodelay)
    }
}

impl TlsListener {
    /// A listener for `localhost`, and the certificate that its clients are to trust.
    pub(crate) async fn bind(
        addr: SocketAddr,
    ) -> Result<(Self, CertificateDer<'static>), Box<dyn Error + Send + Sync>> {
        let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let certificate = signed.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = Self {
            tcp: TcpListener::bind(addr).await?,
            tls: TlsAcceptor::from(Arc::new(config)),
        };
        Ok((listener, certificate))
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Asks for `/user` over HTTP/2, trusting this certificate alone.
pub(crate) async fn ask(
    addr: SocketAddr,
    certificate: CertificateDer<'static>,
) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(addr).await?;
    let socket = TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost")?, socket)
        .await?;
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    let request = http::Request::get("https://localhost/user").body(Empty::<Bytes>::new())?;
    let response = client.send_request(request).await?;
    let body = response.collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec())?)
}

#[derive(Parser)]
struct Args {
    /// Serves here until it is interrupted.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args = Args::parse();
    let pool = InboundPool::new(
        Limits::new()
            .max_requests(100)
            .max_requests_per_connection(1000),
    );
    let app = Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .layer(pool.layer());
    let addr = args.listen.unwrap_or(([127, 0, 0, 1], 0).into());
    let (listener, certificate) = TlsListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    println!("listening on {addr}");

    let server = serve(listener, app).pool(&pool);
    if args.listen.is_some() {
        server
            .with_graceful_shutdown(async {
                let _ = tokio::signal::ctrl_c().await;
            })
            .await;
    } else {
        let (done, asked) = tokio::sync::oneshot::channel();
        let client = tokio::spawn(async move {
            let answer = ask(addr, certificate).await;
            let _ = done.send(());
            answer
        });
        server
            .with_graceful_shutdown(async {
                let _ = asked.await;
            })
            .await;
        println!("{}", client.await??);
    }
    Ok(())
}
