//! Where a text stands that is part of a file: what it says has places in the file, too.

use crate::istio::problem::Position;

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the file.
    WholeFile,
    /// Its lines are lines of the file (a block scalar with `|`): so many come before them, and
    /// each begins so many columns later.
    Lines { before: u32, indent: u32 },
    /// It was written in some other way, with escapes maybe. All of it stands where it starts.
    Point(Position),
}

impl Place {
    /// The place of `inner`, a scalar that stands at `at` in a file.
    pub(crate) fn find(file: &str, at: Position, inner: &str) -> Self {
        Self::lines(file, at, inner).unwrap_or(Self::Point(at))
    }

    fn lines(file: &str, at: Position, inner: &str) -> Option<Self> {
        let mut lines = file.lines().skip(at.line as usize - 1);
        let header = lines.next()?.chars().nth(at.column as usize - 1)?;
        if header != '|' {
            return None;
        }
        // The first line that is not blank tells the indentation.
        let (outer, inner) = lines
            .zip(inner.lines())
            .find(|(_, inner)| !inner.trim().is_empty())?;
        let indent = outer.strip_suffix(inner)?;
        Some(Self::Lines {
            before: at.line,
            indent: u32::try_from(indent.chars().count()).ok()?,
        })
    }

    /// Where in the file a position of the text is.
    pub(super) fn in_file(self, at: Position) -> Position {
        match self {
            Self::WholeFile => at,
            Self::Lines { before, indent } => Position::new(
                at.line.saturating_add(before),
                at.column.saturating_add(indent),
            ),
            Self::Point(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_block_scalar_are_lines_of_the_file() {
        let file = "data:\n  mesh: |-\n\n    a: 1\n    b: 2\n";
        let place = Place::find(file, Position::new(2, 9), "\na: 1\nb: 2");
        let lines = Place::Lines {
            before: 2,
            indent: 4,
        };
        assert_eq!(place, lines);
        assert_eq!(place.in_file(Position::new(3, 4)), Position::new(5, 8));
    }

    #[test]
    fn what_was_written_in_another_way_stands_where_it_starts() {
        let at = Position::new(1, 7);
        for (file, inner) in [
            ("mesh: 'a: 1'\n", "a: 1"),
            ("mesh: >-\n  a: 1\n", "a: 1"),
            ("mesh: \"a: 1\\nb: 2\"\n", "a: 1\nb: 2"),
            ("", "a: 1"),
        ] {
            let place = Place::find(file, at, inner);
            assert_eq!(place, Place::Point(at), "{file}");
            assert_eq!(place.in_file(Position::new(9, 9)), at);
        }
    }
}
