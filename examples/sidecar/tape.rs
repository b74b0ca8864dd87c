//! [`Tape`]: what a client sends, between its receipt and its being sent on: what is read ahead,
//! and what is kept in case it has to be sent again.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use hyper::body::Incoming;

use crate::BoxError;
use crate::fault::Fault;

/// What is more than this is not read ahead, and a body that is longer is sent once; so it is with
/// Envoy, unless that is told otherwise.
const MOST_BYTES: usize = 1 << 20;

pub(crate) struct Tape {
    /// None when it has come to its end, or is not wanted any more.
    body: Option<Incoming>,
    frames: VecDeque<Kept>,
    /// How many frames there were before those.
    gone: usize,
    /// What the frames take.
    bytes: usize,
    fault: Option<Fault>,
    /// There will be no other sending.
    is_last: bool,
    /// Which sending it is that has been begun last.
    turn: u32,
    sending: State,
    /// Whoever reads ahead may have to, and does not know yet.
    hands_over: bool,
    /// There is an answer. Nobody reads ahead, and no other sending will begin.
    is_settled: bool,
    /// Whoever reads ahead, or waits for the end.
    watcher: Option<Waker>,
}

/// How it stands with the sending.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is none, or none any more.
    Ended,
    /// It has not asked for more: it has no connection yet, or the upstream is slower.
    HasEnough,
    /// It waits for what comes next, and reads it itself.
    Reads,
}

#[derive(Clone)]
enum Kept {
    Data(Bytes),
    // Most have none.
    Trailers(Box<HeaderMap>),
}

impl Tape {
    /// Of a body that is sent once, or may be sent again.
    pub(crate) fn new(body: Incoming, is_last: bool) -> Self {
        Self {
            body: Some(body),
            frames: VecDeque::new(),
            gone: 0,
            bytes: 0,
            fault: None,
            is_last,
            turn: 0,
            sending: State::Ended,
            hands_over: false,
            is_settled: false,
            watcher: None,
        }
    }

    /// Reads ahead what the sending does not read itself. Ready when all is there, or no more is
    /// wanted.
    pub(crate) fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while self.body.is_some() && self.sending != State::Reads && self.bytes <= MOST_BYTES {
            if self.poll_read(cx).is_pending() {
                break;
            }
        }
        match self.fault {
            Some(fault) => Poll::Ready(Err(fault)),
            None => self.poll_over(cx).map(Ok),
        }
    }

    /// Ready when all is there, or there will be no more.
    pub(crate) fn poll_over(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.body.is_none() {
            return Poll::Ready(());
        }
        match &mut self.watcher {
            Some(watcher) => watcher.clone_from(cx.waker()),
            None => self.watcher = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// What there is at a place, to the sending whose turn it is.
    pub(crate) fn poll_frame(
        &mut self,
        turn: u32,
        place: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if turn != self.turn {
            return Poll::Ready(Some(Err("sent again since".into())));
        }
        if place < self.gone {
            return Poll::Ready(Some(Err("too long to be sent again".into())));
        }
        if place == self.after() {
            if let Some(fault) = self.fault {
                return Poll::Ready(Some(Err(fault.into())));
            }
            self.sending = State::Reads;
            let read = ready!(self.poll_read(cx));
            self.stand(State::HasEnough);
            if let Err(error) = read {
                return Poll::Ready(Some(Err(error.into())));
            }
            if place == self.after() {
                return Poll::Ready(None);
            }
        }
        Poll::Ready(Some(Ok(self.take(place))))
    }

    /// Reads a frame more, if there is one.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(Ok(()));
        };
        let read = ready!(Pin::new(&mut *body).poll_frame(cx)).transpose();
        if body.is_end_stream() || !matches!(read, Ok(Some(_))) {
            self.body = None;
        }
        match read {
            Ok(frame) => {
                if let Some(frame) = frame.and_then(Kept::of) {
                    self.bytes += frame.bytes();
                    self.frames.push_back(frame);
                }
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                self.fault = Some(Fault::of(&error));
                Poll::Ready(Err(error))
            }
        }
    }

    /// The frame at a place, which is kept if it may be wanted again.
    fn take(&mut self, place: usize) -> Frame<Bytes> {
        if !self.is_last && self.gone == 0 && self.bytes <= MOST_BYTES {
            return self.frames[place].clone().into_frame();
        }
        // There is room again.
        self.hands_over |= self.bytes > MOST_BYTES;
        loop {
            let frame = self.frames.pop_front().expect("not beyond the end");
            self.bytes -= frame.bytes();
            self.gone += 1;
            if self.gone > place {
                return frame.into_frame();
            }
        }
    }

    /// The place after the last frame.
    fn after(&self) -> usize {
        self.gone + self.frames.len()
    }

    /// Whether there is nothing at a place, and never will be.
    pub(crate) fn is_over_at(&self, place: usize) -> bool {
        self.body.is_none() && self.fault.is_none() && place == self.after()
    }

    /// Whether it can be sent from its beginning.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_last && self.gone == 0
    }

    /// Begins a sending; the one before may go on no longer. Returns its turn.
    pub(crate) fn begin(&mut self) -> u32 {
        self.turn += 1;
        self.stand(State::HasEnough);
        self.turn
    }

    /// A sending has come to its end, or goes on no longer.
    pub(crate) fn end(&mut self, turn: u32) {
        if turn == self.turn {
            self.stand(State::Ended);
            self.forget_if_unwanted();
        }
    }

    /// The sending does not read, or not any more.
    fn stand(&mut self, sending: State) {
        self.hands_over |= self.sending == State::Reads;
        self.sending = sending;
    }

    /// Whom to wake after something has come of a sending: who reads ahead is to go on, or there is
    /// no more to wait for.
    pub(crate) fn concerned(&mut self) -> Option<Waker> {
        let reads_ahead = mem::take(&mut self.hands_over) && !self.is_settled;
        self.watcher.take_if(|_| reads_ahead || self.body.is_none())
    }

    /// There is an answer, and no more to be read than its sending wants.
    pub(crate) fn settle(&mut self) {
        self.is_last = true;
        self.is_settled = true;
        self.forget_if_unwanted();
    }

    fn forget_if_unwanted(&mut self) {
        if self.is_last && self.sending == State::Ended {
            self.body = None;
            self.frames = VecDeque::new();
        }
    }
}

impl Kept {
    fn of(frame: Frame<Bytes>) -> Option<Self> {
        match frame.into_data() {
            Ok(data) => Some(Self::Data(data)),
            Err(frame) => {
                let trailers = frame.into_trailers().ok()?;
                Some(Self::Trailers(Box::new(trailers)))
            }
        }
    }

    fn into_frame(self) -> Frame<Bytes> {
        match self {
            Self::Data(data) => Frame::data(data),
            Self::Trailers(trailers) => Frame::trailers(*trailers),
        }
    }

    /// What it takes, which is more than what is in it if that is next to nothing.
    fn bytes(&self) -> usize {
        match self {
            Self::Data(data) => data.len().max(size_of::<Self>()),
            Self::Trailers(_) => size_of::<Self>(),
        }
    }
}
