//! [`Io`]: a socket that tells its pool when it is gone, and who ended it.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::{fmt, io};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use super::{Control, Owner};
use crate::outbound::destination::ConnectionKey;

/// A connection's socket. Whoever holds it at the end (the connection's task, hyper's own future
/// for HTTP/2, the holder of an upgrade, a runtime that shuts down), the slot is given back once
/// it is closed.
pub(super) struct Io<T: Read + Unpin, O: Owner<B>, B: 'static> {
    inner: T,
    // Below `inner`, so that it is dropped after it.
    slot: Arc<Slot<O, B>>,
}

/// A connection's claim on its slot, from the start of the connect.
pub(super) struct Slot<O: Owner<B>, B: 'static> {
    owner: Arc<O>,
    key: ConnectionKey,
    control: Arc<Control>,
    _of: PhantomData<fn(B)>,
}

impl<O: Owner<B>, B> Slot<O, B> {
    pub(super) fn new(owner: Arc<O>, key: ConnectionKey, control: Arc<Control>) -> Self {
        Self {
            owner,
            key,
            control,
            _of: PhantomData,
        }
    }
}

impl<O: Owner<B>, B> Drop for Slot<O, B> {
    fn drop(&mut self) {
        self.owner.clone().closed(self.key, &self.control);
    }
}

impl<T: Read + Unpin, O: Owner<B>, B> Io<T, O, B> {
    pub(super) fn new(inner: T, slot: Arc<Slot<O, B>>) -> Self {
        Self { inner, slot }
    }
}

/// A socket at its end stays so, and tells it again: what hyper has read of it is hyper's secret.
impl<T: Read + Unpin, O: Owner<B>, B> Drop for Io<T, O, B> {
    fn drop(&mut self) {
        let mut byte = [0];
        let mut read = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut self.inner).poll_read(&mut cx, read.unfilled());
        if polled.is_ready() && read.filled().is_empty() {
            self.slot.control.set_ended_by_peer();
        }
    }
}

impl<T: Read + Unpin, O: Owner<B>, B> Read for Io<T, O, B> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if polled.is_ready() {
            self.slot.control.read();
        }
        polled
    }
}

impl<T: Read + Write + Unpin, O: Owner<B>, B> Write for Io<T, O, B> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        if polled.is_ready() {
            self.slot.control.written();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        if polled.is_ready() {
            self.slot.control.written();
        }
        polled
    }
}

impl<T: Read + Unpin, O: Owner<B>, B> Unpin for Io<T, O, B> {}

impl<T: Read + Unpin, O: Owner<B>, B> fmt::Debug for Io<T, O, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("key", &self.slot.key).finish()
    }
}
