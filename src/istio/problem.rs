//! What is wrong or worth knowing about a rule file: [`Problem`], and the report that collects
//! them in one pass.

use std::fmt;
use std::path::Path as FilePath;
use std::sync::Arc;

use super::path::Path;

/// How many problems of a severity are kept. A file with thousands of mistakes needs no more to
/// be mended, and the memory stays bounded.
const MOST: usize = 100;

/// How many characters of a value or a name a message shows.
const SHOWN: usize = 48;

/// How much a [`Problem`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Accepted, and without effect here: a field that cannot apply inside the process.
    Notice,
    /// Accepted, and probably not what was meant.
    Warning,
    /// Refused: the file is not applied.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    pub(crate) const fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong, doubtful, or without effect in a rule file.
///
/// Printed, it is one line: `rule.yaml:12:9: error: spec.host: …`, with as much of the place as
/// is known. Texts that come from the file are shortened and escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    severity: Severity,
    file: Arc<FilePath>,
    position: Option<Position>,
    path: String,
    message: String,
}

impl Problem {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// The file, as it was named when it was read.
    pub fn file(&self) -> &FilePath {
        &self.file
    }

    /// Where in the file, unless it concerns the file as a whole (a missing file, say), or there
    /// is no file: an object of a cluster has no lines.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// The field, such as `spec.trafficPolicy.connectionPool.http.http2MaxRequests`. Empty if it
    /// concerns no field.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is the matter: the value found, and what would be right.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Problem {
    /// One of a file as a whole, which has no place in it.
    pub(crate) fn of_file(file: &FilePath, severity: Severity, message: impl fmt::Display) -> Self {
        let mut report = Report::new(file);
        report.add(severity, None, &Path::Root, message);
        report.into_problems().remove(0)
    }

    /// Stands for more problems of a severity, of whatever files.
    fn hidden(severity: Severity, hidden: usize) -> Self {
        Self {
            severity,
            file: FilePath::new("").into(),
            position: None,
            path: String::new(),
            message: format!("and {hidden} more of this severity, not shown"),
        }
    }
}

/// What the sources begin with that are objects of a cluster.
pub(crate) const CLUSTER: &str = "kube:";

/// Whether a source has lines that anybody sees: an object of a cluster has none.
pub(crate) fn has_lines(source: &FilePath) -> bool {
    !source.to_string_lossy().starts_with(CLUSTER)
}

/// At most so many of each severity, in their order, and a word of how many more there are.
pub(crate) fn bounded(problems: impl Iterator<Item = Problem>, most: usize) -> Vec<Problem> {
    let mut counts = [0; 3];
    let mut kept: Vec<Problem> = problems
        .filter(|problem| {
            let count = &mut counts[problem.severity as usize];
            *count += 1;
            *count <= most
        })
        .collect();
    for severity in [Severity::Error, Severity::Warning, Severity::Notice] {
        let hidden = counts[severity as usize].saturating_sub(most);
        if hidden > 0 {
            kept.push(Problem::hidden(severity, hidden));
        }
    }
    kept
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}:", self.file.display())?;
            if let Some(position) = self.position {
                write!(f, "{position}:")?;
            }
            f.write_str(" ")?;
        }
        write!(f, "{}: ", self.severity)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub(crate) struct Report {
    file: Arc<FilePath>,
    has_lines: bool,
    problems: Vec<Problem>,
    /// How many there were of each severity, kept or not.
    counts: [usize; 3],
}

impl Report {
    pub(crate) fn new(file: &FilePath) -> Self {
        Self {
            file: file.into(),
            has_lines: has_lines(file),
            problems: Vec::new(),
            counts: [0; 3],
        }
    }

    pub(crate) fn error(&mut self, at: Position, path: &Path<'_>, message: impl fmt::Display) {
        self.add(Severity::Error, Some(at), path, message);
    }

    pub(crate) fn warning(&mut self, at: Position, path: &Path<'_>, message: impl fmt::Display) {
        self.add(Severity::Warning, Some(at), path, message);
    }

    pub(crate) fn notice(&mut self, at: Position, path: &Path<'_>, message: impl fmt::Display) {
        self.add(Severity::Notice, Some(at), path, message);
    }

    /// An error of the file as a whole, which has no place in it.
    pub(crate) fn file_error(&mut self, message: impl fmt::Display) {
        self.add(Severity::Error, None, &Path::Root, message);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many errors there are, kept or not.
    pub(crate) fn errors(&self) -> usize {
        self.counts[Severity::Error as usize]
    }

    /// Whether something at this path or inside it was refused already. What is missing there is
    /// then a consequence, not worth a line of its own.
    pub(crate) fn has_error_under(&self, path: &Path<'_>) -> bool {
        let path = path.to_string();
        self.problems.iter().any(|problem| {
            problem.severity == Severity::Error
                && problem
                    .path
                    .strip_prefix(&path)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// Whether another of this severity would only be counted. Costly suggestions are not worth it then.
    pub(crate) fn is_full(&self, severity: Severity) -> bool {
        self.counts[severity as usize] >= MOST
    }

    /// The problems in the order of the file, those of the file as a whole first.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.position);
        for severity in [Severity::Error, Severity::Warning, Severity::Notice] {
            let hidden = self.counts[severity as usize].saturating_sub(MOST);
            if hidden > 0 {
                self.problems.push(Problem {
                    severity,
                    file: Arc::clone(&self.file),
                    position: None,
                    path: String::new(),
                    message: format!("and {hidden} more of this severity, not shown"),
                });
            }
        }
        self.problems
    }

    pub(crate) fn add(
        &mut self,
        severity: Severity,
        position: Option<Position>,
        path: &Path<'_>,
        message: impl fmt::Display,
    ) {
        let count = &mut self.counts[severity as usize];
        *count += 1;
        if *count <= MOST {
            self.problems.push(Problem {
                severity,
                file: Arc::clone(&self.file),
                position: position.filter(|_| self.has_lines),
                path: path.to_string(),
                message: message.to_string(),
            });
        }
    }
}

/// Text from a file, for a message: escaped, and cut where it gets long.
pub(crate) fn shorten(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars
        .by_ref()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_prints_as_one_line_with_as_much_of_the_place_as_is_known() {
        let mut report = Report::new(FilePath::new("rule.yaml"));
        let spec = Path::Root;
        let spec = spec.field("spec");
        report.error(Position::new(12, 9), &spec.field("host"), "it is empty");
        report.file_error("no such file");
        let lines: Vec<_> = report
            .into_problems()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            lines,
            [
                "rule.yaml: error: no such file",
                "rule.yaml:12:9: error: spec.host: it is empty",
            ]
        );
    }

    #[test]
    fn many_notices_hide_no_error_and_are_counted() {
        let mut report = Report::new(FilePath::new("rule.yaml"));
        for line in 0..1000 {
            report.notice(Position::new(line, 1), &Path::Root, "noted");
        }
        report.error(Position::new(1000, 1), &Path::Root, "wrong");
        assert!(report.has_errors());
        let problems = report.into_problems();
        assert_eq!(problems.len(), MOST + 2);
        assert!(problems.iter().any(|problem| problem.message() == "wrong"));
        assert!(problems.last().unwrap().message().contains("900 more"));
    }

    #[test]
    fn texts_are_cut_and_escaped() {
        assert_eq!(shorten("a\nb"), "a\\nb");
        let long = shorten(&"ä".repeat(100_000));
        assert_eq!(long.chars().count(), SHOWN + 1);
        assert!(long.ends_with('…'));
    }
}
