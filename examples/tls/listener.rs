//! A listener for `serve` that speaks TLS.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper_util::rt::TokioIo;
use meshpool::inbound::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

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
