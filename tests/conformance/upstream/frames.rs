//! Frames that the `h2` crate does not send: GOAWAY without a farewell of its own, and SETTINGS
//! later than the first. They go out between those of `h2`, to which the peer's acknowledgement of
//! them would be an error, and is kept from it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::Socket;

const PREFACE: usize = 24;
const HEADER: usize = 9;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// Says what to put between the frames. It goes out when the connection is polled next.
#[derive(Clone, Default)]
pub(super) struct Injector(Arc<Mutex<Orders>>);

#[derive(Default)]
struct Orders {
    frames: BytesMut,
    reset: bool,
}

impl Injector {
    pub(super) fn goaway(&self, last_stream: u32) {
        let frames = &mut self.0.lock().unwrap().frames;
        header(frames, 8, GOAWAY);
        frames.put_u32(last_stream);
        frames.put_u32(0); // NO_ERROR
    }

    pub(super) fn max_concurrent_streams(&self, streams: u32) {
        let frames = &mut self.0.lock().unwrap().frames;
        header(frames, 6, SETTINGS);
        frames.put_u16(MAX_CONCURRENT_STREAMS);
        frames.put_u32(streams);
    }

    pub(super) fn reset_on_drop(&self) {
        self.0.lock().unwrap().reset = true;
    }
}

fn header(frames: &mut BytesMut, length: u8, kind: u8) {
    frames.put_slice(&[0, 0, length, kind, 0]);
    frames.put_u32(0); // of the connection
}

pub(super) fn inject(socket: Box<dyn Socket>) -> (Injected, Injector) {
    let injector = Injector::default();
    let injected = Injected {
        socket,
        injector: injector.clone(),
        read: BytesMut::new(),
        sifted: BytesMut::new(),
        pass: PREFACE,
        acknowledged: false,
    };
    (injected, injector)
}

/// The socket that `h2` gets.
pub(super) struct Injected {
    socket: Box<dyn Socket>,
    injector: Injector,
    read: BytesMut,
    /// What `h2` may have of that.
    sifted: BytesMut,
    /// So much of what comes belongs to a frame that it may have.
    pass: usize,
    /// The SETTINGS of `h2`, the first, are acknowledged.
    acknowledged: bool,
}

impl Injected {
    fn sift(&mut self) {
        loop {
            let pass = self.pass.min(self.read.len());
            self.sifted.unsplit(self.read.split_to(pass));
            self.pass -= pass;
            if self.pass > 0 || self.read.len() < HEADER {
                return;
            }
            let (length, kind, flags) = (
                u32::from_be_bytes([0, self.read[0], self.read[1], self.read[2]]),
                self.read[3],
                self.read[4],
            );
            if kind == SETTINGS && flags & ACK != 0 {
                if self.acknowledged {
                    self.read.advance(HEADER);
                    continue;
                }
                self.acknowledged = true;
            }
            self.pass = HEADER + length as usize;
        }
    }
}

impl AsyncRead for Injected {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sifted.is_empty() {
            let mut bytes = [0; 4096];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.read.extend_from_slice(read.filled());
            self.sift();
        }
        let length = self.sifted.len().min(buffer.remaining());
        buffer.put_slice(&self.sifted.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Injected {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    /// `h2` flushes when it has written all of its frames, so that there is a gap between two.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        {
            let frames = &mut this.injector.0.lock().unwrap().frames;
            while !frames.is_empty() {
                let written = ready!(Pin::new(&mut this.socket).poll_write(cx, frames))?;
                frames.advance(written);
            }
        }
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        if self.injector.0.lock().unwrap().reset {
            self.socket.reset_on_drop();
        }
    }
}
