//! The one atomic word: free slots, pending requests and the attention flag, in 64 bits.
//!
//! ```text
//! 63            32 31        30             0
//! [ free: i32     | attention | pending: u31 ]
//! ```
//!
//! Storing *free* and not *active* makes a changed limit one addition of the difference. A
//! negative *free* is debt: more are active than the limit now allows.

/// A value of the word. Plain arithmetic; the atomic itself lives in the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word(pub(super) u64);

impl Word {
    /// What one slot weighs: added by a release, subtracted by an admission.
    pub(super) const SLOT: u64 = 1 << 32;
    /// What one pending request weighs.
    pub(super) const PLACE: u64 = 1;
    /// Set while every admission and release has to come by the lock: the pool is closed, or
    /// somebody waits for it to be idle.
    pub(super) const ATTENTION: u64 = 1 << 31;

    const LOW: u64 = Self::SLOT - 1;
    const PENDING: u64 = Self::ATTENTION - 1;

    /// A word with `slots` free slots and nobody pending.
    pub(super) const fn new(slots: u32) -> Self {
        Self((slots as u64) << 32)
    }

    /// Slots left; negative is debt.
    pub(super) const fn free(self) -> i32 {
        (self.0 >> 32) as i32
    }

    /// Requests waiting for a slot.
    pub(super) const fn pending(self) -> u32 {
        (self.0 & Self::PENDING) as u32
    }

    /// Whether nobody is pending and nobody asked for attention: the lock-free paths may go on.
    pub(super) const fn is_quiet(self) -> bool {
        self.0 & Self::LOW == 0
    }

    /// Whether admissions and releases have to come by the lock.
    pub(super) const fn needs_attention(self) -> bool {
        self.0 & Self::ATTENTION != 0
    }

    /// What to add (wrapping) to the word when the limit goes from `old` to `new`.
    pub(super) const fn difference(old: u32, new: u32) -> u64 {
        ((new as i64 - old as i64) as u64) << 32
    }
}

#[cfg(test)]
mod tests {
    use super::Word;

    #[test]
    fn debt_does_not_touch_pending() {
        let word = Word(Word::new(1).0 + 3 * Word::PLACE);
        let word = Word(
            word.0
                .wrapping_add(Word::difference(1, 0))
                .wrapping_sub(Word::SLOT),
        );
        assert_eq!((word.free(), word.pending()), (-1, 3));
    }

    #[test]
    fn attention_is_neither_free_nor_pending() {
        let word = Word(Word::new(7).0 | Word::ATTENTION);
        assert_eq!((word.free(), word.pending()), (7, 0));
        assert!(word.needs_attention() && !word.is_quiet());
    }

    #[test]
    fn the_largest_limit_can_be_owed_in_full() {
        let max = i32::MAX as u32;
        let word = Word(Word::new(max).0 - Word::SLOT * max as u64);
        let word = Word(word.0.wrapping_add(Word::difference(max, 0)));
        assert_eq!(word.free(), -i32::MAX);
    }
}
