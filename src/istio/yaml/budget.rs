//! What a file may cost. Reading a rule must not be a way to stall or to fill the process that
//! reads it, whoever wrote the file.
//!
//! A hostile text can be small: aliases of aliases stand for millions of nodes, a tag directive
//! repeats a long prefix at each use, and a collection in brackets is scanned to its end before
//! the parser hands out its first node, because what looks like a value could still turn out to
//! be a key. So nodes are counted as they are built, aliases as what they stand for, and the
//! scanner's work ahead of the parser is counted where it takes its characters.

use std::cell::Cell;
use std::rc::Rc;

use saphyr_parser::{Input, StrInput};

/// How large a file may be: 1 MiB, about the largest object that Kubernetes stores.
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// How many levels may lie inside each other.
pub(super) const MAX_LEVELS: u32 = 64;

/// How many nodes, keys and documents all documents of a file may have together.
pub(super) const MAX_NODES: u32 = 100_000;

/// How long a key may be, in bytes: what YAML allows for a key on one line. Merging repeats keys.
pub(super) const MAX_KEY: usize = 1024;

/// How many bytes of a text count as one more node where an alias stands for it.
pub(super) const NODE_BYTES: usize = 128;

/// How much the scanner may do ahead of the parser, in characters that shape a collection in
/// brackets.
const MAX_AHEAD: u32 = 100_000;

/// What it costs, for each such character before it, that a whole collection in brackets turns
/// out to be a key: the scanner then moves what it has already scanned. In sixteenths.
const KEY_SHARE: u32 = 16;

/// What is left of the nodes of a file; the documents that are texts in it share it.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Rc<Cell<u32>>);

impl Default for Budget {
    fn default() -> Self {
        Self(Rc::new(Cell::new(MAX_NODES)))
    }
}

impl Budget {
    /// Pays for `count` nodes. Returns whether there were as many left.
    pub(super) fn pay(&self, count: u32) -> bool {
        let left = self.0.get().checked_sub(count);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// The scanner's work since the parser last gave an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead(Rc<Cell<u32>>);

impl Ahead {
    pub(super) fn reset(&self) {
        self.0.set(0);
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.0.get() > MAX_AHEAD
    }

    fn add(&self, work: u32) {
        self.0.set(self.0.get().saturating_add(work));
    }
}

/// The scanner's input: the text, until the scanner has run too far ahead. From there on it is at
/// its end, and whoever drives the parser asks [`Ahead::is_exceeded`] for the reason.
pub(super) struct Metered<'a> {
    text: StrInput<'a>,
    ahead: Ahead,
    /// The last character taken that was no space.
    last: char,
}

impl<'a> Metered<'a> {
    pub(super) fn new(text: &'a str, ahead: Ahead) -> Self {
        Self {
            text: StrInput::new(text),
            ahead,
            last: '\0',
        }
    }

    /// Counts the character that is about to be taken.
    fn meter(&mut self, next: char) {
        let work = match next {
            ' ' | '\t' | '\n' | '\r' => return,
            ':' if matches!(self.last, ']' | '}') => 1 + self.ahead.0.get() / KEY_SHARE,
            ',' | '[' | ']' | '{' | '}' | ':' | '?' | '&' | '*' | '!' | '"' | '\'' => 1,
            _ => 0,
        };
        self.last = next;
        if work > 0 {
            self.ahead.add(work);
            if self.ahead.is_exceeded() {
                self.text = StrInput::new("");
            }
        }
    }
}

// Taking a character is metered; looking, and taking comments or blanks in bulk, is not.
impl Input for Metered<'_> {
    fn lookahead(&mut self, count: usize) {
        self.text.lookahead(count);
    }

    fn buflen(&self) -> usize {
        self.text.buflen()
    }

    fn bufmaxlen(&self) -> usize {
        self.text.bufmaxlen()
    }

    fn raw_read_ch(&mut self) -> char {
        self.text.raw_read_ch()
    }

    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        self.text.raw_read_non_breakz_ch()
    }

    fn skip(&mut self) {
        self.meter(self.text.peek());
        self.text.skip();
    }

    fn skip_n(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    fn peek(&self) -> char {
        self.text.peek()
    }

    fn peek_nth(&self, n: usize) -> char {
        self.text.peek_nth(n)
    }

    fn peek_opt(&self) -> Option<char> {
        self.text.peek_opt()
    }

    fn look_ch(&mut self) -> char {
        self.text.look_ch()
    }

    fn skip_while_non_breakz(&mut self) -> usize {
        self.text.skip_while_non_breakz()
    }

    fn skip_while_blank(&mut self) -> usize {
        self.text.skip_while_blank()
    }
}
