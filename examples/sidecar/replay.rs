//! [`Replay`]: a request's body that is kept while it is sent, so that it can be sent again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::BoxError;
use crate::outgoing::Source;

/// A body that is longer is sent once; so it is with Envoy.
const MOST_BYTES: usize = 1 << 20;

/// One sending of it. Another one starts from the beginning: with what was kept, and then goes on
/// where the one before had come to. Only the last that has begun may read.
pub(crate) struct Replay {
    tape: Arc<Mutex<Tape>>,
    /// Which sending this is, once it has begun.
    turn: Option<u32>,
    /// How many of the kept frames were sent.
    frames: usize,
    bytes: u64,
    whole: SizeHint,
}

struct Tape {
    source: Source,
    kept: Vec<Kept>,
    bytes: usize,
    /// There was more than is kept.
    is_torn: bool,
    turn: u32,
}

#[derive(Clone)]
enum Kept {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Replay {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            whole: source.size_hint(),
            turn: None,
            frames: 0,
            bytes: 0,
            tape: Arc::new(Mutex::new(Tape {
                source,
                kept: Vec::new(),
                bytes: 0,
                is_torn: false,
                turn: 0,
            })),
        }
    }

    /// From the beginning, unless that is no longer there.
    pub(crate) fn again(&self) -> Option<Self> {
        (!lock(&self.tape).is_torn).then(|| Self {
            tape: self.tape.clone(),
            turn: None,
            frames: 0,
            bytes: 0,
            whole: self.whole,
        })
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut tape = lock(&self.tape);
        let turn = *self.turn.get_or_insert_with(|| tape.next_turn());
        let frame = match tape.kept.get(self.frames) {
            _ if turn != tape.turn => return Poll::Ready(Some(Err("sent again since".into()))),
            _ if tape.is_torn && self.frames == 0 => {
                return Poll::Ready(Some(Err("too long to be sent again".into())));
            }
            Some(kept) => kept.clone().into_frame(),
            None => match ready!(tape.source.poll(cx)) {
                Some(Ok(frame)) => {
                    tape.keep(&frame);
                    frame
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            },
        };
        self.frames += 1;
        self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        Poll::Ready(Some(Ok(frame)))
    }

    pub(crate) fn is_over(&self) -> bool {
        let tape = lock(&self.tape);
        tape.source.is_over() && self.frames >= tape.kept.len()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.whole.exact() {
            Some(bytes) => SizeHint::with_exact(bytes.saturating_sub(self.bytes)),
            None => SizeHint::new(),
        }
    }
}

impl Tape {
    fn next_turn(&mut self) -> u32 {
        self.turn += 1;
        self.turn
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        if self.is_torn {
            return;
        }
        self.bytes += frame.data_ref().map_or(0, Bytes::len);
        if self.bytes > MOST_BYTES {
            self.is_torn = true;
            self.kept = Vec::new();
            return;
        }
        let trailers = frame.trailers_ref().cloned().map(Kept::Trailers);
        self.kept
            .extend(frame.data_ref().cloned().map(Kept::Data).or(trailers));
    }
}

impl Kept {
    fn into_frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(trailers) => Frame::trailers(trailers),
        }
    }
}

fn lock(tape: &Mutex<Tape>) -> MutexGuard<'_, Tape> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}
