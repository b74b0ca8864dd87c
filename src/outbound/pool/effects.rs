//! [`Effects`]: what an event leaves to do once the lock is free.

use std::sync::Arc;
use std::task::Waker;

use crate::admission::WakeList;
use crate::outbound::connection::{Control, Order, Sender};
use crate::outbound::destination::ConnectionKey;

pub(super) struct Effects<B> {
    /// Connections to open.
    pub(super) open: Vec<(ConnectionKey, Arc<Control>)>,
    /// A connection is gone: its room is free, which was promised to somebody or not.
    pub(super) room: Option<Freed>,
    /// Connections that need not be opened any more, and still wait for room.
    pub(super) forget: Vec<ConnectionKey>,
    /// What connections are to do.
    pub(super) orders: Vec<(Arc<Control>, Order)>,
    /// Futures to wake, oldest request first.
    wake: WakeList,
    /// Senders that are needed no more.
    pub(super) drop: Vec<Arc<Sender<B>>>,
    /// The timer's task is to be started, or to look again.
    pub(super) timer: Option<Timer>,
    /// Nothing is left.
    pub(super) is_empty: bool,
}

pub(super) struct Freed {
    pub(super) was_promised: bool,
}

pub(super) enum Timer {
    Start,
    LookAgain,
}

impl<B> Effects<B> {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            room: None,
            forget: Vec::new(),
            orders: Vec::new(),
            wake: WakeList::default(),
            drop: Vec::new(),
            timer: None,
            is_empty: false,
        }
    }

    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.wake.push(waker);
        }
    }

    /// Does what is anybody's code, last.
    pub(super) fn wake_all(mut self) {
        for (control, order) in self.orders {
            control.order(order);
        }
        self.wake.wake_all();
    }
}
