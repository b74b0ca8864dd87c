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
    /// The place of `inner`, a scalar that stands at `at` in a file of these lines.
    pub(crate) fn find(lines: &[&str], at: Position, inner: &str) -> Self {
        Self::lines(lines, at, inner).unwrap_or(Self::Point(at))
    }

    fn lines(lines: &[&str], at: Position, inner: &str) -> Option<Self> {
        // A block scalar stands where its text starts: below its header, after blank lines maybe.
        let above = lines.get(..at.line as usize - 1)?;
        let header = above.iter().rposition(|line| !line.trim().is_empty())?;
        if !is_header(above[header]) {
            return None;
        }
        // The first line that is not blank tells the indentation.
        let (outer, inner) = lines[header + 1..]
            .iter()
            .zip(inner.lines())
            .find(|(_, inner)| !inner.trim().is_empty())?;
        let indent = outer.strip_suffix(inner)?;
        Some(Self::Lines {
            before: u32::try_from(header + 1).ok()?,
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

/// Whether a line ends in the header of a block scalar: `mesh: |-`, with a comment maybe.
fn is_header(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or(line).trim_end();
    line.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+'))
        .ends_with('|')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        text.lines().collect()
    }

    #[test]
    fn the_lines_of_a_block_scalar_are_lines_of_the_file() {
        let file = "data:\n  mesh: |- # the mesh\n\n    a: 1\n    b: 2\n";
        let place = Place::find(&lines(file), Position::new(4, 5), "\na: 1\nb: 2");
        let expected = Place::Lines {
            before: 2,
            indent: 4,
        };
        assert_eq!(place, expected);
        assert_eq!(place.in_file(Position::new(3, 4)), Position::new(5, 8));
    }

    #[test]
    fn what_was_written_in_another_way_stands_where_it_starts() {
        for (file, line, inner) in [
            ("mesh: 'a: 1'\n", 1, "a: 1"),
            ("a: |\n  a: 1\nmesh: 'a: 1'\n", 3, "a: 1"),
            ("mesh: >-\n  a: 1\n", 2, "a: 1"),
            ("mesh: \"a: 1\\nb: 2\"\n", 1, "a: 1\nb: 2"),
            ("", 1, "a: 1"),
        ] {
            let at = Position::new(line, 7);
            let place = Place::find(&lines(file), at, inner);
            assert_eq!(place, Place::Point(at), "{file}");
            assert_eq!(place.in_file(Position::new(9, 9)), at);
        }
    }
}
