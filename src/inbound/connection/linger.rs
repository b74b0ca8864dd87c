//! [`Linger`]: a socket is not closed in the face of a client that still sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may take to close its side once ours is closed.
const LONGEST: Duration = Duration::from_secs(2);

/// How many reads are made at a time. A client that sends without end is not to keep the time
/// from being looked at, nor other tasks from being run.
const READS: usize = 16;

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
        for _ in 0..READS {
            let mut discarded = ReadBuf::new(&mut discarded);
            // A client that resets the connection needs nothing more.
            let read = ready!(Pin::new(&mut *io).poll_read(cx, discarded.unfilled()));
            if read.is_err() || discarded.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use hyper::rt::ReadBufCursor;
    use tokio::time::advance;
    use tokio_test::task;

    use super::*;

    /// Always has something to read, and counts how often it was read.
    #[derive(Default)]
    struct Endless {
        reads: usize,
    }

    impl Read for Endless {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            mut buf: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            self.reads += 1;
            assert!(self.reads < 1000, "it is read without end");
            buf.put_slice(b"x");
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_without_end_is_lingered_for_no_longer_than_others() {
        let mut io = Endless::default();
        let mut linger = task::spawn(Linger::new());
        for polls in 1..=3 {
            let poll = linger.enter(|cx, mut linger| linger.poll(&mut io, cx));
            assert!(poll.is_pending());
            assert!(linger.is_woken(), "it goes on");
            assert_eq!(io.reads, polls * READS);
        }
        advance(LONGEST).await;
        let poll = linger.enter(|cx, mut linger| linger.poll(&mut io, cx));
        assert!(poll.is_ready());
        assert_eq!(io.reads, 3 * READS);
    }
}
