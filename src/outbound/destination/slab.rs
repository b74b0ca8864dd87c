//! A slab whose keys go stale: what requests and connections are kept in.

/// The end of a list, of vacant entries here and of any other that links entries.
pub(super) const NONE: u32 = u32::MAX;

/// How many entries an empty slab may keep for the next burst.
const KEPT: usize = 1024;

/// Names an entry, for as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) index: u32,
    /// Counts insertions, so that an entry that takes the place of another has another key, even
    /// if the slab gave all its memory back in between.
    insertion: u32,
}

#[derive(Debug)]
enum Entry<T> {
    Vacant { next: u32 },
    Taken { insertion: u32, value: T },
}

#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    vacant: u32,
    len: u32,
    insertions: u32,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            vacant: NONE,
            len: 0,
            insertions: 0,
        }
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(super) fn insert(&mut self, value: T) -> Key {
        self.insertions = self.insertions.wrapping_add(1);
        let insertion = self.insertions;
        let taken = Entry::Taken { insertion, value };
        let index = self.vacant;
        match self.entries.get_mut(index as usize) {
            Some(entry) => {
                if let Entry::Vacant { next } = *entry {
                    self.vacant = next;
                }
                *entry = taken;
                self.len += 1;
                Key { index, insertion }
            }
            None => self.push(taken, insertion),
        }
    }

    #[cold]
    fn push(&mut self, taken: Entry<T>, insertion: u32) -> Key {
        let index = u32::try_from(self.entries.len()).unwrap_or(NONE);
        assert!(index != NONE, "more than four thousand million entries");
        self.entries.push(taken);
        self.len += 1;
        Key { index, insertion }
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.index as usize) {
            Some(Entry::Taken { insertion, value }) if *insertion == key.insertion => Some(value),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let vacated = Entry::Vacant { next: self.vacant };
        let entry = std::mem::replace(&mut self.entries[key.index as usize], vacated);
        self.vacant = key.index;
        self.len -= 1;
        if self.len == 0 && self.entries.len() > KEPT {
            self.entries = Vec::new();
            self.vacant = NONE;
        }
        match entry {
            Entry::Taken { value, .. } => Some(value),
            Entry::Vacant { .. } => None,
        }
    }

    /// The key of an entry that is known to be there, from a list.
    #[inline]
    pub(super) fn key(&self, index: u32) -> Key {
        match &self.entries[index as usize] {
            Entry::Taken { insertion, .. } => Key {
                index,
                insertion: *insertion,
            },
            Entry::Vacant { .. } => unreachable!("a list holds what is in its slab"),
        }
    }

    /// The keys of all, in no particular order. Takes as long as the slab is large.
    pub(super) fn keys(&self) -> Vec<Key> {
        let entries = (0..).zip(&self.entries);
        entries
            .filter_map(|(index, entry)| match entry {
                Entry::Taken { insertion, .. } => Some(Key {
                    index,
                    insertion: *insertion,
                }),
                Entry::Vacant { .. } => None,
            })
            .collect()
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }
}

/// By index, for an entry that is known to be there.
impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        match &self.entries[index as usize] {
            Entry::Taken { value, .. } => value,
            Entry::Vacant { .. } => unreachable!("a list holds what is in its slab"),
        }
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        match &mut self.entries[index as usize] {
            Entry::Taken { value, .. } => value,
            Entry::Vacant { .. } => unreachable!("a list holds what is in its slab"),
        }
    }
}
