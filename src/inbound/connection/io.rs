use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::sync::OwnedSemaphorePermit;

use super::linger::Linger;
use super::{Connection, Protocol};

/// How a client begins HTTP/2.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What HTTP/2 writes at once is not taken for a part of a response unless it is longer: PINGs and
/// SETTINGS are acknowledged in fewer bytes, and a client that sends those is idle all the same.
const SMALL: usize = 64;

/// A connection's socket, watched: whether the peer sends, and whether it takes. Made by
/// [`WatchedConnection::io`](crate::inbound::watch::WatchedConnection::io).
///
/// Bytes pass through unchanged. When HTTP is done with it, a shutdown of the writing side is
/// complete once the peer has closed its side, too, or two seconds later: a socket that is closed
/// earlier may take the last response with it. Needs a Tokio runtime with its timer.
pub struct ConnectionIo<I> {
    io: I,
    connection: Arc<Connection>,
    /// How much of the preface has been seen; all of it also once it is known not to come.
    preface: usize,
    /// It was a flush that found the peer taking nothing.
    flush_waits: bool,
    /// Our side is closed.
    linger: Option<Linger>,
    /// The socket's place among the accepted, given back after the socket is closed.
    _slot: Option<OwnedSemaphorePermit>,
}

impl<I> ConnectionIo<I> {
    pub(crate) fn new(
        io: I,
        connection: Arc<Connection>,
        slot: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            io,
            connection,
            preface: 0,
            flush_waits: false,
            linger: None,
            _slot: slot,
        }
    }

    /// Gets a reference to the inner socket.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    /// Gets a mutable reference to the inner socket.
    pub fn get_mut(&mut self) -> &mut I {
        &mut self.io
    }

    /// Notes the first bytes: they tell the protocol.
    fn note(&mut self, bytes: &[u8]) {
        let expected = &PREFACE[self.preface..];
        if !expected.starts_with(bytes) {
            self.connection.set_protocol(Protocol::Http1);
            self.preface = PREFACE.len();
            return;
        }
        self.preface += bytes.len();
        if self.preface == PREFACE.len() {
            self.connection.set_protocol(Protocol::Http2);
        }
    }

    /// Notes how a write or shutdown went.
    fn progressed<T>(&mut self, result: &Poll<io::Result<T>>) {
        if result.is_ready() {
            self.connection.unblocked();
            self.flush_waits = false;
        } else {
            self.connection.blocked();
        }
    }

    /// Notes how a write went.
    fn wrote(&mut self, result: &Poll<io::Result<usize>>) {
        self.progressed(result);
        if let Poll::Ready(Ok(written)) = result {
            if *written > SMALL || self.connection.protocol() != Protocol::Http2 {
                self.connection.sent();
            }
        }
    }
}

impl<I: Read + Unpin> Read for ConnectionIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let missing = PREFACE.len() - self.preface;
        let result = if missing == 0 {
            Pin::new(&mut self.io).poll_read(cx, buf)
        } else {
            let mut first = [0; PREFACE.len()];
            let len = missing.min(buf.remaining());
            let mut first = ReadBuf::new(&mut first[..len]);
            let result = Pin::new(&mut self.io).poll_read(cx, first.unfilled());
            self.note(first.filled());
            buf.put_slice(first.filled());
            result
        };
        self.connection.hear(result.is_ready());
        result
    }
}

impl<I: Read + Write + Unpin> Write for ConnectionIo<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.wrote(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(cx);
        // A plain socket's flush does nothing, and says nothing of a write that waits. One that
        // had to wait (TLS) has had its buffer taken when it is done.
        if result.is_pending() {
            self.flush_waits |= self.connection.blocked();
        } else if std::mem::take(&mut self.flush_waits) {
            self.connection.unblocked();
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            let result = Pin::new(&mut this.io).poll_shutdown(cx);
            this.progressed(&result);
            ready!(result)?;
            // In a tunnel each side closes in its own time.
            if this.connection.is_tunnel() {
                return Poll::Ready(Ok(()));
            }
        }
        let linger = this.linger.get_or_insert_with(Linger::new);
        linger.poll(&mut this.io, cx)
    }
}

impl<I: fmt::Debug> fmt::Debug for ConnectionIo<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionIo")
            .field("io", &self.io)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::task::Waker;
    use std::time::Duration;

    use hyper_util::rt::TokioIo;
    use tokio::time::advance;

    use super::super::{Count, Jitter};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flush_with_nothing_to_do_leaves_a_write_waiting() {
        let count = Count::new(&Arc::new(AtomicU32::new(0)), Jitter::default());
        let connection = Arc::new(Connection::new(count));
        let (socket, _peer) = tokio::io::duplex(5);
        let mut io = ConnectionIo::new(TokioIo::new(socket), connection.clone(), None);
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut io).poll_write(cx, b"Kevin").is_ready());
        assert_eq!(connection.blocked_since(), None);

        advance(Duration::from_secs(1)).await;
        assert!(Pin::new(&mut io).poll_write(cx, b"Kevin").is_pending());
        let since = connection.blocked_since().expect("it waits");
        advance(Duration::from_secs(1)).await;
        assert!(Pin::new(&mut io).poll_flush(cx).is_ready());
        assert_eq!(connection.blocked_since(), Some(since));
    }
}
