//! [`Permit`]: room to run, given back when it is dropped.

use super::handle::Handle;

/// A slot in hand. Dropping it gives the slot back: to the first in the queue, if there is one.
///
/// Dropping is lock-free while nobody waits, and wakes at most the tasks that it grants to. A
/// permit that is forgotten ([`std::mem::forget`]) never gives its slot back.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit<H: Handle> {
    handle: H,
    /// False for one that observe mode let run beyond all limits.
    counted: bool,
}

impl<H: Handle> Permit<H> {
    pub(super) fn new(handle: H, counted: bool) -> Self {
        Self { handle, counted }
    }
}

/// For the layers.
#[cfg(feature = "inbound")]
impl<H: Handle> Permit<H> {
    /// What it was taken from.
    pub(crate) fn handle(&self) -> &H {
        &self.handle
    }
}

impl<H: Handle> Drop for Permit<H> {
    fn drop(&mut self) {
        if self.counted {
            self.handle.core().release();
        } else {
            self.handle.core().release_uncounted();
        }
    }
}
