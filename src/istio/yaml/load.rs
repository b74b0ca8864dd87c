//! Text to documents, one at a time: the parser's events become nodes, each with its position,
//! each counted before it is kept.

use saphyr_parser::{Event, Marker, Parser, Span};

use super::budget::{Ahead, Budget, MAX_NODES, Metered};
use super::build::{Builder, Frame, too_deep};
use super::error::SyntaxError;
use super::node::Document;
use super::place::Place;
use crate::istio::problem::Position;

/// The documents of a text. Ends with the text or after the first error.
pub(crate) struct Documents<'a> {
    parser: Parser<'a, Metered<'a>>,
    ahead: Ahead,
    place: Place,
    budget: Budget,
    /// Where the last event was, for errors that have no place of their own.
    last: Position,
    ended: bool,
    /// An error that was found before parsing.
    refused: Option<SyntaxError>,
}

impl<'a> Documents<'a> {
    /// The documents of a file.
    pub(crate) fn new(text: &'a str, budget: &Budget) -> Self {
        Self::within(text, Place::WholeFile, budget)
    }

    /// The documents of a text in a file.
    pub(crate) fn within(text: &'a str, place: Place, budget: &Budget) -> Self {
        let ahead = Ahead::default();
        Self {
            parser: Parser::new(Metered::new(text, ahead.clone())),
            ahead,
            place,
            budget: budget.clone(),
            last: place.in_file(Position::START),
            ended: false,
            refused: find_tag_directive(text, place),
        }
    }

    fn next_event(&mut self) -> Result<(Event<'a>, Position), SyntaxError> {
        self.ahead.reset();
        let event = self.parser.next_event();
        if self.ahead.is_exceeded() {
            return Err(SyntaxError::new(
                self.last,
                "what starts here is too long to be read in one piece; in a file, split it into \
                 documents, or write it as indented lines",
            ));
        }
        match event {
            Some(Ok((event, Span { start, .. }))) => {
                let at = self.place.in_file(position(start));
                // The end of the stream is reported on a line of its own that nobody can see.
                if event != Event::StreamEnd {
                    self.last = at;
                }
                Ok((event, at))
            }
            Some(Err(error)) => {
                let at = self.place.in_file(position(*error.marker()));
                Err(match error.info() {
                    // The scanner has a limit of its own, and is there first where it runs ahead.
                    "recursion limit exceeded" => too_deep(at),
                    info => SyntaxError::new(at, format_args!("not valid YAML: {info}")),
                })
            }
            None => Ok((Event::StreamEnd, self.last)),
        }
    }

    /// Pays for `count` nodes.
    fn pay(&self, count: u32, at: Position) -> Result<(), SyntaxError> {
        if self.budget.pay(count) {
            return Ok(());
        }
        Err(SyntaxError::new(
            at,
            format_args!(
                "the file has more than {MAX_NODES} values, aliases counted as what they stand for"
            ),
        ))
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
fn find_tag_directive(text: &str, place: Place) -> Option<SyntaxError> {
    // The parser ends lines at carriage returns, too, and sees no byte order mark.
    let starts_line = |at: &usize| {
        let before = text[..*at].trim_end_matches('\u{feff}');
        before.is_empty() || before.ends_with(['\n', '\r'])
    };
    let (at, _) = text.match_indices("%TAG").find(|(at, _)| starts_line(at))?;
    let line = u32::try_from(1 + text[..at].matches('\n').count()).unwrap_or(u32::MAX);
    Some(SyntaxError::new(
        place.in_file(Position::new(line, 1)),
        "%TAG directives are not supported: remove it",
    ))
}
