//! [`Listener`]: where connections come from.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

/// Where [`serve`](super::serve()) gets its connections: Tokio's `TcpListener` and, on Unix,
/// `UnixListener`; or one of your own, for TLS, say.
///
/// To accept is kept apart from the handshake: the first happens in the accept loop, which must
/// not wait for any one client; the second in the connection's own task.
///
/// ```
/// use std::future::Future;
/// use std::io;
/// use std::net::SocketAddr;
/// use std::pin::Pin;
/// use std::task::{Context, Poll, ready};
///
/// use hyper_util::rt::TokioIo;
/// use meshpool::inbound::Listener;
/// use tokio::net::{TcpListener, TcpStream};
/// use tokio_rustls::{TlsAcceptor, server::TlsStream};
///
/// struct TlsListener {
///     tcp: TcpListener,
///     tls: TlsAcceptor,
/// }
///
/// impl Listener for TlsListener {
///     type Io = TokioIo<TlsStream<TcpStream>>;
///     type Addr = SocketAddr;
///     type Handshake = Pin<Box<dyn Future<Output = io::Result<Self::Io>> + Send>>;
///
///     fn poll_accept(
///         &mut self,
///         cx: &mut Context<'_>,
///     ) -> Poll<io::Result<(Self::Handshake, SocketAddr)>> {
///         let (socket, peer) = ready!(self.tcp.poll_accept(cx))?;
///         let handshake = self.tls.accept(socket);
///         Poll::Ready(Ok((Box::pin(async { Ok(TokioIo::new(handshake.await?)) }), peer)))
///     }
///
///     fn set_nodelay(io: &Self::Io, nodelay: bool) -> io::Result<()> {
///         io.inner().get_ref().0.set_nodelay(nodelay)
///     }
/// }
/// ```
pub trait Listener: Send + 'static {
    /// An open connection.
    type Io: Read + Write + Unpin + Send + 'static;

    /// Who is at its other end.
    type Addr: Send + 'static;

    /// Makes an open connection of an accepted one.
    type Handshake: Future<Output = io::Result<Self::Io>> + Send + 'static;

    /// Accepts the next connection.
    ///
    /// # Errors
    ///
    /// Are survived: see [`Serve::on_accept_error`](super::Serve::on_accept_error).
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Handshake, Self::Addr)>>;

    /// Sets whether small writes are sent at once (TCP_NODELAY). Does nothing unless it is
    /// implemented.
    ///
    /// # Errors
    ///
    /// Those of the socket; they are ignored.
    fn set_nodelay(io: &Self::Io, nodelay: bool) -> io::Result<()> {
        let _ = (io, nodelay);
        Ok(())
    }
}

impl Listener for TcpListener {
    type Io = TcpIo;
    type Addr = SocketAddr;
    type Handshake = Ready<io::Result<TcpIo>>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Handshake, SocketAddr)>> {
        let (socket, peer) = ready!(TcpListener::poll_accept(self, cx))?;
        Poll::Ready(Ok((ready(Ok(TcpIo(TokioIo::new(socket)))), peer)))
    }

    fn set_nodelay(io: &TcpIo, nodelay: bool) -> io::Result<()> {
        io.0.inner().set_nodelay(nodelay)
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Io = UnixIo;
    type Addr = std::os::unix::net::SocketAddr;
    type Handshake = Ready<io::Result<UnixIo>>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Handshake, Self::Addr)>> {
        let (socket, peer) = ready!(UnixListener::poll_accept(self, cx))?;
        Poll::Ready(Ok((ready(Ok(UnixIo(TokioIo::new(socket)))), peer.into())))
    }
}

/// A TCP connection.
pub struct TcpIo(TokioIo<TcpStream>);

/// A connection on a Unix socket.
#[cfg(unix)]
pub struct UnixIo(TokioIo<UnixStream>);

macro_rules! io {
    ($(#[$cfg:meta])? $io:ident) => {
        $(#[$cfg])?
        impl Read for $io {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_read(cx, buf)
            }
        }

        $(#[$cfg])?
        impl Write for $io {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                self.0.is_write_vectored()
            }

            fn poll_flush(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_shutdown(cx)
            }
        }

        $(#[$cfg])?
        impl fmt::Debug for $io {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.inner().fmt(f)
            }
        }
    };
}

io!(TcpIo);
io!(
    #[cfg(unix)]
    UnixIo
);

#[cfg(test)]
mod tests {
    use super::{Listener, TcpIo, TokioIo};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn nodelay_reaches_the_socket() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let io = TcpIo(TokioIo::new(TcpStream::connect(address).await.unwrap()));
        for nodelay in [true, false] {
            <TcpListener as Listener>::set_nodelay(&io, nodelay).unwrap();
            assert_eq!(io.0.inner().nodelay().unwrap(), nodelay);
        }
    }
}
