//! [`Turns`]: a queue whose members may leave its middle.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// First in, first out, each key once; a key leaves it in O(log n), wherever it stands.
pub(super) struct Turns<K, V> {
    next: u64,
    queue: BTreeMap<u64, (K, V)>,
    places: HashMap<K, u64>,
}

impl<K: Copy + Eq + Hash, V> Turns<K, V> {
    pub(super) fn new() -> Self {
        Self {
            next: 0,
            queue: BTreeMap::new(),
            places: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Puts it last.
    pub(super) fn push(&mut self, key: K, value: V) {
        self.remove(&key);
        self.places.insert(key, self.next);
        self.queue.insert(self.next, (key, value));
        self.next += 1;
    }

    pub(super) fn pop(&mut self) -> Option<V> {
        let (_, (key, value)) = self.queue.pop_first()?;
        self.places.remove(&key);
        Some(value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.places.remove(key)?;
        let (_, value) = self.queue.remove(&place)?;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_come_in_order_and_whoever_left_does_not() {
        let mut turns = Turns::new();
        for key in 0..4 {
            turns.push(key, key * 10);
        }
        assert_eq!(turns.remove(&1), Some(10));
        assert_eq!(turns.remove(&1), None);
        assert_eq!(turns.pop(), Some(0));
        turns.push(2, 21);
        assert_eq!(turns.len(), 2, "each has one turn");
        assert_eq!([turns.pop(), turns.pop()], [Some(30), Some(21)]);
        assert_eq!(turns.pop(), None);
    }
}
