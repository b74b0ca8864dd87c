//! Text to documents, one at a time: the parser's events become nodes, each with its position,
//! each counted before it is kept.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::budget::{Ahead, MAX_KEY, MAX_LEVELS, MAX_NODES, Metered};
use super::node::{Document, Duplicate, Entry, Kind, MOST_DUPLICATES, Node, NodeId, Scalar};
use super::scalar;
use crate::istio::problem::{Position, shorten};

/// Why the text cannot be read on.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) at: Position,
    pub(crate) message: String,
}

impl SyntaxError {
    fn new(at: Position, message: impl fmt::Display) -> Self {
        Self {
            at,
            message: message.to_string(),
        }
    }
}

/// The documents of a text. Ends with the text or after the first error.
pub(crate) struct Documents<'a> {
    parser: Parser<'a, Metered<'a>>,
    ahead: Ahead,
    /// What is left of the budget of nodes.
    nodes_left: u32,
    /// Where the last event was, for errors that have no place of their own.
    last: Position,
    ended: bool,
    /// An error that was found before parsing.
    refused: Option<SyntaxError>,
}

impl<'a> Documents<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let ahead = Ahead::default();
        Self {
            parser: Parser::new(Metered::new(text, ahead.clone())),
            ahead,
            nodes_left: MAX_NODES,
            last: Position::START,
            ended: false,
            refused: find_tag_directive(text),
        }
    }

    fn next_event(&mut self) -> Result<(Event<'a>, Position), SyntaxError> {
        self.ahead.reset();
        let event = self.parser.next_event();
        if self.ahead.is_exceeded() {
            return Err(SyntaxError::new(
                self.last,
                "what starts here is too long to be read in one piece: split it into documents, \
                 or write it as indented lines",
            ));
        }
        match event {
            Some(Ok((event, Span { start, .. }))) => {
                let at = position(start);
                // The end of the stream is reported on a line of its own that nobody can see.
                if event != Event::StreamEnd {
                    self.last = at;
                }
                Ok((event, at))
            }
            Some(Err(error)) => Err(SyntaxError::new(
                position(*error.marker()),
                format_args!("not valid YAML: {}", error.info()),
            )),
            None => Ok((Event::StreamEnd, self.last)),
        }
    }

    /// Pays for `count` nodes.
    fn pay(&mut self, count: u32, at: Position) -> Result<(), SyntaxError> {
        self.nodes_left = self.nodes_left.checked_sub(count).ok_or_else(|| {
            SyntaxError::new(
                at,
                format_args!(
                    "the file has more than {MAX_NODES} values, aliases counted as what they \
                     stand for"
                ),
            )
        })?;
        Ok(())
    }

    fn next_document(&mut self) -> Result<Option<Document>, SyntaxError> {
        if let Some(error) = self.refused.take() {
            return Err(error);
        }
        loop {
            match self.next_event()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::DocumentStart(_), at) => {
                    self.pay(1, at)?;
                    return self.document().map(Some);
                }
                _ => {}
            }
        }
    }

    fn document(&mut self) -> Result<Document, SyntaxError> {
        let mut builder = Builder::default();
        loop {
            let (event, at) = self.next_event()?;
            match event {
                Event::Scalar(text, style, anchor, tag) => {
                    self.pay(1, at)?;
                    builder.scalar(&text, style, tag.as_deref(), anchor, at)?;
                }
                Event::SequenceStart(anchor, _) => {
                    self.pay(1, at)?;
                    builder.open(Frame::sequence(anchor, at))?;
                }
                Event::MappingStart(anchor, _) => {
                    self.pay(1, at)?;
                    builder.open(Frame::mapping(anchor, at))?;
                }
                Event::SequenceEnd => builder.close_sequence()?,
                Event::MappingEnd => {
                    let merged = builder.close_mapping()?;
                    self.pay(merged, at)?;
                }
                Event::Alias(anchor) => {
                    let weight = builder.alias(anchor, at)?;
                    self.pay(weight, at)?;
                }
                Event::DocumentEnd | Event::StreamEnd => return Ok(builder.finish(at)),
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => {}
            }
        }
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Document, SyntaxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_document();
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

fn position(marker: Marker) -> Position {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Position::new(
        number(marker.line()),
        number(marker.col()).saturating_add(1),
    )
}

/// A `%TAG` prefix is copied at each use, so a small file could keep the parser busy for minutes.
/// No Kubernetes object needs one.
fn find_tag_directive(text: &str) -> Option<SyntaxError> {
    let line = text.lines().position(|line| line.starts_with("%TAG"))?;
    let line = u32::try_from(line + 1).unwrap_or(u32::MAX);
    Some(SyntaxError::new(
        Position::new(line, 1),
        "%TAG directives are not supported: remove it",
    ))
}

/// A collection whose end has not come yet.
#[derive(Debug)]
struct Frame {
    at: Position,
    anchor: usize,
    weight: u32,
    height: u32,
    items: Items,
}

#[derive(Debug)]
enum Items {
    Sequence(Vec<NodeId>),
    Mapping {
        entries: Vec<Entry>,
        /// A key that waits for its value.
        key: Option<Key>,
        /// The values of `<<`.
        merges: Vec<(NodeId, Position)>,
    },
}

#[derive(Debug)]
enum Key {
    /// `<<`
    Merge,
    Name(Arc<str>, Position),
}

impl Frame {
    fn new(anchor: usize, at: Position, items: Items) -> Self {
        Self {
            at,
            anchor,
            weight: 1,
            height: 0,
            items,
        }
    }

    fn sequence(anchor: usize, at: Position) -> Self {
        Self::new(anchor, at, Items::Sequence(Vec::new()))
    }

    fn mapping(anchor: usize, at: Position) -> Self {
        let (entries, merges) = (Vec::new(), Vec::new());
        Self::new(
            anchor,
            at,
            Items::Mapping {
                entries,
                key: None,
                merges,
            },
        )
    }

    fn wants_key(&self) -> bool {
        matches!(self.items, Items::Mapping { key: None, .. })
    }
}

/// Builds one document.
#[derive(Debug, Default)]
struct Builder {
    nodes: Vec<Node>,
    open: Vec<Frame>,
    anchors: HashMap<usize, NodeId>,
    duplicates: Vec<Duplicate>,
    root: Option<NodeId>,
}

impl Builder {
    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        anchor: usize,
        at: Position,
    ) -> Result<(), SyntaxError> {
        let value = scalar::resolve(text, style, tag);
        let id = self.add(Node {
            at,
            kind: Kind::Scalar(value, text.into()),
            weight: 1,
            height: 1,
        });
        self.name(anchor, id);
        let merges = style == ScalarStyle::Plain && tag.is_none() && text == "<<";
        self.place(id, at, merges)
    }

    fn open(&mut self, frame: Frame) -> Result<(), SyntaxError> {
        if self.open.len() as u32 >= MAX_LEVELS {
            return Err(too_deep(frame.at));
        }
        if self.open.last().is_some_and(Frame::wants_key) {
            return Err(SyntaxError::new(
                frame.at,
                "a key must be a plain value, not a collection (a template that was not filled \
                 in looks like this)",
            ));
        }
        self.open.push(frame);
        Ok(())
    }

    fn close_sequence(&mut self) -> Result<(), SyntaxError> {
        let Some(Frame {
            at,
            anchor,
            weight,
            height,
            items: Items::Sequence(items),
        }) = self.open.pop()
        else {
            unreachable!("the parser closes what it opened");
        };
        let kind = Kind::Sequence(items);
        self.close(
            anchor,
            Node {
                at,
                kind,
                weight,
                height: height + 1,
            },
        )
    }

    /// Returns how many entries came by merging, which are to be paid.
    fn close_mapping(&mut self) -> Result<u32, SyntaxError> {
        let Some(Frame {
            at,
            anchor,
            mut weight,
            height,
            items,
        }) = self.open.pop()
        else {
            unreachable!("the parser closes what it opened");
        };
        let Items::Mapping {
            entries, merges, ..
        } = items
        else {
            unreachable!("the parser closes what it opened");
        };
        let entries = self.without_duplicates(entries);
        let own = entries.len();
        let entries = self.merge(entries, &merges)?;
        let merged = entries.len().saturating_sub(own) as u32;
        weight = weight.saturating_add(merged);
        let kind = Kind::Mapping(entries);
        self.close(
            anchor,
            Node {
                at,
                kind,
                weight,
                height: height + 1,
            },
        )?;
        Ok(merged)
    }

    fn close(&mut self, anchor: usize, node: Node) -> Result<(), SyntaxError> {
        let at = node.at;
        let id = self.add(node);
        self.name(anchor, id);
        self.place(id, at, false)
    }

    fn alias(&mut self, anchor: usize, at: Position) -> Result<u32, SyntaxError> {
        let Some(&id) = self.anchors.get(&anchor) else {
            return Err(SyntaxError::new(
                at,
                "this alias stands inside what it stands for, or for something in another \
                 document",
            ));
        };
        let Node { weight, height, .. } = self.nodes[id.0 as usize];
        if self.open.len() as u32 + height > MAX_LEVELS + 1 {
            return Err(too_deep(at));
        }
        self.place(id, at, false)?;
        Ok(weight)
    }

    fn finish(self, at: Position) -> Document {
        let Self {
            mut nodes,
            duplicates,
            root,
            ..
        } = self;
        let root = root.unwrap_or_else(|| {
            let kind = Kind::Scalar(Scalar::Null, "".into());
            nodes.push(Node {
                at,
                kind,
                weight: 1,
                height: 1,
            });
            NodeId(nodes.len() as u32 - 1)
        });
        Document {
            nodes,
            root,
            duplicates,
        }
    }

    fn add(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        // The budget is far below 2³².
        NodeId(self.nodes.len() as u32 - 1)
    }

    fn name(&mut self, anchor: usize, id: NodeId) {
        // The parser gives 0 to what has no anchor.
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
    }

    /// Puts a finished node where it belongs: in the open collection, or as the root.
    fn place(&mut self, id: NodeId, at: Position, merges: bool) -> Result<(), SyntaxError> {
        let Node { weight, height, .. } = self.nodes[id.0 as usize];
        let name = match self.open.last() {
            Some(frame) if frame.wants_key() && !merges => Some(self.key(id, at)?),
            _ => None,
        };
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(id);
            return Ok(());
        };
        frame.weight = frame.weight.saturating_add(weight);
        frame.height = frame.height.max(height);
        match &mut frame.items {
            Items::Sequence(items) => items.push(id),
            Items::Mapping {
                entries,
                key,
                merges,
            } => match (key.take(), name) {
                (None, Some(name)) => *key = Some(Key::Name(name, at)),
                (None, None) => *key = Some(Key::Merge),
                (Some(Key::Name(key, at)), _) => entries.push(Entry { key, at, value: id }),
                (Some(Key::Merge), _) => merges.push((id, at)),
            },
        }
        Ok(())
    }

    /// A key's text as Kubernetes has it: numbers and booleans become strings.
    fn key(&self, id: NodeId, at: Position) -> Result<Arc<str>, SyntaxError> {
        match &self.nodes[id.0 as usize].kind {
            Kind::Scalar(Scalar::Null, _) => Err(SyntaxError::new(
                at,
                "a key must not be empty or null: name the field",
            )),
            Kind::Scalar(Scalar::Bool(value), _) => Ok(value.to_string().into()),
            Kind::Scalar(Scalar::Int(value), _) => Ok(value.to_string().into()),
            Kind::Scalar(_, text) if text.len() > MAX_KEY => Err(SyntaxError::new(
                at,
                format_args!("a key of more than {MAX_KEY} bytes"),
            )),
            Kind::Scalar(Scalar::Float(_) | Scalar::String, text) => Ok(Arc::from(&**text)),
            Kind::Sequence(_) | Kind::Mapping(_) => Err(SyntaxError::new(
                at,
                "a key must be a plain value, not a collection",
            )),
        }
    }

    /// Notes keys that stand twice, and keeps the first of each.
    fn without_duplicates(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let mut seen: HashMap<&str, Position> = HashMap::with_capacity(entries.len());
        let mut duplicates = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            if let Some(&first) = seen.get(&*entry.key) {
                duplicates.push(index);
                if self.duplicates.len() < MOST_DUPLICATES {
                    let path = path(&self.open, &entry.key);
                    let key = Arc::clone(&entry.key);
                    self.duplicates.push(Duplicate {
                        path,
                        key,
                        at: entry.at,
                        first,
                    });
                }
            } else {
                seen.insert(&entry.key, entry.at);
            }
        }
        if duplicates.is_empty() {
            return entries;
        }
        let mut duplicates = duplicates.into_iter().peekable();
        let keep = |(index, entry)| duplicates.next_if_eq(&index).is_none().then_some(entry);
        entries.into_iter().enumerate().filter_map(keep).collect()
    }

    /// Adds what `<<` brings: a key of the mapping's own wins, then an earlier merge.
    fn merge(
        &self,
        mut entries: Vec<Entry>,
        merges: &[(NodeId, Position)],
    ) -> Result<Vec<Entry>, SyntaxError> {
        if merges.is_empty() {
            return Ok(entries);
        }
        let mut known: HashSet<Arc<str>> =
            entries.iter().map(|entry| Arc::clone(&entry.key)).collect();
        for &(id, at) in merges {
            let one = [id];
            let sources = match &self.nodes[id.0 as usize].kind {
                Kind::Sequence(items) => items.as_slice(),
                Kind::Scalar(..) | Kind::Mapping(_) => &one,
            };
            for source in sources {
                let Kind::Mapping(source) = &self.nodes[source.0 as usize].kind else {
                    return Err(SyntaxError::new(
                        at,
                        "<< takes a mapping or a list of mappings, as aliases",
                    ));
                };
                for entry in source {
                    if known.insert(Arc::clone(&entry.key)) {
                        entries.push(entry.clone());
                    }
                }
            }
        }
        Ok(entries)
    }
}

/// The path of a key in the mapping that lies in the open collections.
fn path(open: &[Frame], key: &str) -> String {
    let mut path = String::new();
    let field = |path: &mut String, name: &str| {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&shorten(name));
    };
    for frame in open {
        match &frame.items {
            Items::Sequence(items) => path.push_str(&format!("[{}]", items.len())),
            Items::Mapping {
                key: Some(Key::Name(name, _)),
                ..
            } => field(&mut path, name),
            Items::Mapping { .. } => {}
        }
    }
    field(&mut path, key);
    path
}

fn too_deep(at: Position) -> SyntaxError {
    SyntaxError::new(
        at,
        format_args!("more than {MAX_LEVELS} levels inside each other"),
    )
}

/// Shows a key that stands twice.
impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the key `{}` stands twice in one mapping, first at {}: keep one",
            shorten(&self.key),
            self.first
        )
    }
}
