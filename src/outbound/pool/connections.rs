//! [`Connections`]: what is known of each connection, by its key.

use std::sync::Arc;

use crate::outbound::connection::{Control, Sender};
use crate::outbound::destination::{ConnectionKey, RequestKey};

/// A table by [`ConnectionKey::index`].
pub(super) struct Connections<B> {
    table: Vec<Option<Entry<B>>>,
    len: usize,
}

pub(super) struct Entry<B> {
    key: ConnectionKey,
    pub(super) control: Arc<Control>,
    /// None while it connects.
    pub(super) sender: Option<Arc<Sender<B>>>,
    /// HTTP/1: the request whose response was read to its end, while the connection has not done
    /// with it.
    pub(super) finishing: Option<RequestKey>,
    /// HTTP/1: the request that turned it into something else, and stays active as long as that.
    pub(super) upgraded: Option<RequestKey>,
    /// It has no room among all connections yet.
    pub(super) is_blocked: bool,
    /// Nobody used it, and it closes so that another can be opened.
    pub(super) makes_room: bool,
}

impl<B> Connections<B> {
    pub(super) const fn new() -> Self {
        Self {
            table: Vec::new(),
            len: 0,
        }
    }

    /// A connection that is about to be opened.
    pub(super) fn insert(&mut self, key: ConnectionKey, is_blocked: bool) -> &mut Entry<B> {
        let index = key.index();
        if index >= self.table.len() {
            self.table.resize_with(index + 1, || None);
        }
        self.len += 1;
        self.table[index].insert(Entry {
            key,
            control: Arc::new(Control::default()),
            sender: None,
            finishing: None,
            upgraded: None,
            is_blocked,
            makes_room: false,
        })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn get(&mut self, key: ConnectionKey) -> Option<&mut Entry<B>> {
        let entry = self.table.get_mut(key.index())?;
        entry.as_mut().filter(|entry| entry.key == key)
    }

    pub(super) fn remove(&mut self, key: ConnectionKey) -> Option<Entry<B>> {
        self.get(key)?;
        let entry = self.table[key.index()].take();
        self.len -= 1;
        if self.len == 0 {
            self.table = Vec::new();
        }
        entry
    }
}
