//! [`Linger`]: a socket is not closed in the face of a client that still sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may take to close its side once ours is closed.
const LONGEST: Duration = Duration::from_secs(2);

/// Reads and discards until the client has closed its side.
///
/// A TCP socket that is closed while there is something unread is reset, and a reset makes the
/// client's system throw away what it has received and not handed out: the last response would be
/// lost to a client that is still sending requests, or a body that nobody wanted.
pub(super) struct Linger(Pin<Box<Sleep>>);

impl Linger {
    pub(super) fn new() -> Self {
        Self(Box::pin(sleep(LONGEST)))
    }

    pub(super) fn poll<I: Read + Unpin>(
        &mut self,
        io: &mut I,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut discarded = [0; 4096];
        loop {
            let mut discarded = ReadBuf::new(&mut discarded);
            // A client that resets the connection needs nothing more.
            let read = ready!(Pin::new(&mut *io).poll_read(cx, discarded.unfilled()));
            if read.is_err() || discarded.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
