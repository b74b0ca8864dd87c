//! [`Upload`]: the client's side of a request's body, and [`Sending`], the upstream's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::BoxError;
use crate::fault::Fault;
use crate::tape::Tape;

/// What a client sends. While it pends, or the upstream is slower, whoever has this reads ahead, so
/// that the end of the body is noticed, and a client that leaves; as Envoy does.
#[derive(Clone)]
pub(crate) struct Upload(Arc<Mutex<Tape>>);

impl Upload {
    /// With the first sending of it.
    pub(crate) fn new(body: Incoming, may_be_sent_again: bool) -> (Self, Sending) {
        let whole = body.size_hint();
        let tape = Arc::new(Mutex::new(Tape::new(body, !may_be_sent_again)));
        let sending = Sending::new(tape.clone(), whole);
        (Self(tape), sending)
    }

    /// Reads ahead what the sending does not read itself. Ready when all is there, or no more is
    /// wanted. One is woken, the last who has asked this or [`poll_over`](Self::poll_over).
    pub(crate) fn poll_ahead(&self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        lock(&self.0).poll_ahead(cx)
    }

    /// Ready when all is there, or there will be no more.
    pub(crate) fn poll_over(&self, cx: &Context<'_>) -> Poll<()> {
        lock(&self.0).poll_over(cx)
    }

    /// There is an answer: it will not be sent again.
    pub(crate) fn settle(&self) {
        lock(&self.0).settle();
    }
}

/// One sending of a body. Another one starts from the beginning: with what was kept, and then goes
/// on where the one before had come to. Only the last that was begun may go on.
pub(crate) struct Sending {
    tape: Arc<Mutex<Tape>>,
    /// Which sending this is, once it has begun.
    turn: u32,
    /// How many frames were sent.
    place: usize,
    bytes: u64,
    whole: SizeHint,
    is_over: bool,
}

impl Sending {
    fn new(tape: Arc<Mutex<Tape>>, whole: SizeHint) -> Self {
        Self {
            tape,
            turn: 0,
            place: 0,
            bytes: 0,
            whole,
            is_over: false,
        }
    }

    /// From the beginning, unless that is no longer there.
    pub(crate) fn again(&self) -> Option<Self> {
        let is_whole = lock(&self.tape).is_whole();
        is_whole.then(|| Self::new(self.tape.clone(), self.whole))
    }

    /// From now on it is this one that is to be sent.
    pub(crate) fn begin(&mut self) {
        let mut tape = lock(&self.tape);
        self.turn = tape.begin();
        wake_concerned(tape);
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut tape = lock(&self.tape);
        let frame = tape.poll_frame(self.turn, self.place, cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.place += 1;
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        self.is_over = tape.is_over_at(self.place);
        wake_concerned(tape);
        frame
    }

    /// One that has not begun may not even know.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.whole.exact() {
            Some(bytes) => SizeHint::with_exact(bytes.saturating_sub(self.bytes)),
            None => SizeHint::new(),
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut tape = lock(&self.tape);
        tape.end(self.turn);
        wake_concerned(tape);
    }
}

fn lock(tape: &Mutex<Tape>) -> MutexGuard<'_, Tape> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Not under the lock.
fn wake_concerned(mut tape: MutexGuard<'_, Tape>) {
    let concerned = tape.concerned();
    drop(tape);
    if let Some(waker) = concerned {
        waker.wake();
    }
}
