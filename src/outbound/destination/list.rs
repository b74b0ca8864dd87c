//! Doubly linked lists through a slab's entries: whatever is in one is taken out of its middle as
//! cheaply as from an end, and nothing is allocated.

use std::marker::PhantomData;

use super::slab::{NONE, Slab};

/// An entry's place in one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    prev: u32,
    next: u32,
}

impl Links {
    /// In no list.
    pub(super) const NEW: Self = Self {
        prev: NONE,
        next: NONE,
    };
}

/// Where an entry keeps its links for the lists of kind `K`.
pub(super) trait Linked<K> {
    fn links(&mut self) -> &mut Links;
}

#[derive(Debug)]
pub(super) struct List<K> {
    front: u32,
    back: u32,
    len: u32,
    kind: PhantomData<fn() -> K>,
}

impl<K> List<K> {
    pub(super) const fn new() -> Self {
        Self {
            front: NONE,
            back: NONE,
            len: 0,
            kind: PhantomData,
        }
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(super) fn front(&self) -> Option<u32> {
        (self.front != NONE).then_some(self.front)
    }

    #[inline]
    pub(super) fn back(&self) -> Option<u32> {
        (self.back != NONE).then_some(self.back)
    }

    #[inline]
    pub(super) fn push_front<T: Linked<K>>(&mut self, slab: &mut Slab<T>, index: u32) {
        *slab[index].links() = Links {
            prev: NONE,
            next: self.front,
        };
        match self.front {
            NONE => self.back = index,
            front => slab[front].links().prev = index,
        }
        self.front = index;
        self.len += 1;
    }

    #[inline]
    pub(super) fn push_back<T: Linked<K>>(&mut self, slab: &mut Slab<T>, index: u32) {
        *slab[index].links() = Links {
            prev: self.back,
            next: NONE,
        };
        match self.back {
            NONE => self.front = index,
            back => slab[back].links().next = index,
        }
        self.back = index;
        self.len += 1;
    }

    /// Puts an entry behind another, which has to be in this list.
    pub(super) fn insert_behind<T: Linked<K>>(
        &mut self,
        slab: &mut Slab<T>,
        index: u32,
        other: u32,
    ) {
        let next = std::mem::replace(&mut slab[other].links().next, index);
        *slab[index].links() = Links { prev: other, next };
        match next {
            NONE => self.back = index,
            next => slab[next].links().prev = index,
        }
        self.len += 1;
    }

    /// The entry before one, which has to be in this list.
    pub(super) fn before<T: Linked<K>>(slab: &mut Slab<T>, index: u32) -> Option<u32> {
        let prev = slab[index].links().prev;
        (prev != NONE).then_some(prev)
    }

    /// Takes out an entry, which has to be in this list.
    #[inline]
    pub(super) fn remove<T: Linked<K>>(&mut self, slab: &mut Slab<T>, index: u32) {
        let Links { prev, next } = std::mem::replace(slab[index].links(), Links::NEW);
        match prev {
            NONE => self.front = next,
            prev => slab[prev].links().next = next,
        }
        match next {
            NONE => self.back = prev,
            next => slab[next].links().prev = prev,
        }
        self.len -= 1;
    }

    /// From front to back, checked to be linked the same both ways.
    #[cfg(test)]
    pub(super) fn walk<T: Linked<K>>(&self, slab: &mut Slab<T>) -> Vec<u32> {
        let (mut all, mut prev, mut at) = (Vec::new(), NONE, self.front);
        while at != NONE {
            let links = *slab[at].links();
            assert_eq!(links.prev, prev);
            all.push(at);
            (prev, at) = (at, links.next);
        }
        assert_eq!(self.back, prev);
        assert_eq!(self.len as usize, all.len());
        all
    }
}
