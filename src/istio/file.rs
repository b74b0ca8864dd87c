//! A rule file read once: [`RuleFile`].

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decode::{Role, decode};
use super::explain::Explanation;
use super::gate::Gate;
use super::problem::{Problem, Report, Severity};
use super::resource::{Resource, Spanned, TrafficPolicy};
use super::rule_set::{Query, RuleSet, Service};
use super::translate::{OnFull, Protocol};
use super::validate::validate;
use super::yaml::MAX_BYTES;
use crate::limits::Limits;

/// A rule file and how it is read.
///
/// The file is YAML or JSON in UTF-8, at most 1 MiB, with any number of documents. It holds one
/// `DestinationRule` with a `connectionPool`; objects of other kinds are skipped.
///
/// ```
/// use meshpool::istio::{OnFull, RuleFile};
///
/// let file = RuleFile::new("rule.yaml").on_full(OnFull::Wait);
/// let rule = file.parse(
///     b"apiVersion: networking.istio.io/v1
/// kind: DestinationRule
/// metadata: {name: user}
/// spec:
///   host: user
///   trafficPolicy:
///     connectionPool:
///       http: {http2MaxRequests: 1, http1MaxPendingRequests: 1}
/// ",
/// )?;
/// assert_eq!(rule.limits().max_requests, Some(1));
/// assert_eq!(rule.limits().max_pending_requests, Some(1));
/// # Ok::<(), meshpool::istio::Rejected>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuleFile {
    path: PathBuf,
    on_full: OnFull,
    protocol: Protocol,
    outbound: bool,
    #[cfg(feature = "watch")]
    pub(super) timing: super::watch::Timing,
}

impl RuleFile {
    /// A rule file at this path. Nothing is read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            on_full: OnFull::default(),
            protocol: Protocol::default(),
            outbound: false,
            #[cfg(feature = "watch")]
            timing: super::watch::Timing::default(),
        }
    }

    /// What becomes of a request that finds all slots taken. Default: [`OnFull::Refuse`].
    #[must_use]
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// What the service speaks. Default: [`Protocol::Http`].
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Reads the rule for the requests that this process *sends*, as Istio does for a client's
    /// sidecar: each limit is the one of the same name, and `retryBudget` counts too. What
    /// [`on_full`](Self::on_full) and [`protocol`](Self::protocol) say is without effect then.
    /// Default: for those that it serves.
    ///
    /// ```
    /// use meshpool::istio::RuleFile;
    ///
    /// let rule = RuleFile::new("rule.yaml").outbound().parse(
    ///     b"apiVersion: networking.istio.io/v1
    /// kind: DestinationRule
    /// metadata: {name: user}
    /// spec:
    ///   host: user
    ///   trafficPolicy:
    ///     connectionPool:
    ///       tcp: {maxConnections: 4}
    ///       http: {http1MaxPendingRequests: 16}
    /// ",
    /// )?;
    /// assert_eq!(rule.limits().max_connections, Some(4));
    /// assert_eq!(rule.limits().max_pending_requests, Some(16));
    /// # Ok::<(), meshpool::istio::Rejected>(())
    /// ```
    #[must_use]
    pub fn outbound(mut self) -> Self {
        self.outbound = true;
        self
    }

    /// The path that it was made with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file once. It blocks for as long as the file system does; a file that is no
    /// regular one (a pipe, a device) is not opened.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is not valid. Every problem that was found is in the error.
    pub fn read(&self) -> Result<Rule, Rejected> {
        match read_regular(&self.path) {
            Ok(bytes) => self.parse(&bytes),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// Takes `bytes` for the file's content. The path only names the file in problems.
    ///
    /// # Errors
    ///
    /// If the content is not valid. Every problem that was found is in the error.
    pub fn parse(&self, bytes: &[u8]) -> Result<Rule, Rejected> {
        let mut report = Report::new(&self.path);
        let mut resources = decode(bytes, Role::Objects, Gate::Strict, &mut report);
        for resource in &resources {
            validate(resource, Gate::Strict, &mut report);
        }
        let applied = self.the_one(&resources, &mut report);
        let Some(index) = applied.filter(|_| !report.has_errors()) else {
            return Err(Rejected {
                problems: report.into_problems(),
            });
        };
        let resource = resources.swap_remove(index);
        let Resource::DestinationRule(rule) = &resource else {
            unreachable!("only rules limit anything");
        };
        let (name, namespace) = (text(&rule.meta.name), text(&rule.meta.namespace));
        let query = self.query(rule.host());
        let rules = RuleSet::of_only(&self.path, Some(resource));
        let settings = rules.settings_of_only(&query);
        let explanation = Explanation::of_file(&settings, self.on_full);
        let explanation = explanation.with(&report.into_problems(), true);
        Ok(Rule(Arc::new(Valid {
            limits: settings.limits(self.on_full),
            name,
            namespace,
            host: query.service().host().to_owned(),
            notices: explanation.notices(),
            explanation,
        })))
    }

    /// What holds while there is no file.
    #[cfg(feature = "watch")]
    pub(super) fn explain_nothing(&self) -> Explanation {
        let query = self.query("");
        let rules = RuleSet::of_only(&self.path, None);
        Explanation::of_file(&rules.settings_of_only(&query), self.on_full)
    }

    fn query(&self, host: &str) -> Query {
        let service = Service::new(host).protocol(self.protocol);
        match self.outbound {
            true => Query::outbound(service),
            false => Query::inbound(service),
        }
    }

    /// Picks the rule that limits something, by its number. None and more than one are errors.
    fn the_one(&self, resources: &[Resource], report: &mut Report) -> Option<usize> {
        let rules = resources.iter().enumerate();
        let rules = rules.filter_map(|(index, resource)| match resource {
            Resource::DestinationRule(rule) => Some((index, &**rule)),
            Resource::Sidecar(_) | Resource::MeshConfig(_) => None,
        });
        let (limiting, idle): (Vec<_>, Vec<_>) =
            rules.partition(|(_, rule)| rule.policy().is_some_and(|it| self.limits_any(it)));
        let Some((&(index, first), others)) = limiting.split_first() else {
            // What is wrong with the file is the better reason.
            if !report.has_errors() {
                report.file_error(
                    "nothing to enforce: expected a DestinationRule with \
                     spec.trafficPolicy.connectionPool (delete the file to lift all limits)",
                );
            }
            return None;
        };
        for (_, other) in others {
            report.error(
                other.meta.at,
                &other.meta.path(),
                format_args!(
                    "{} is a second rule with a connectionPool, after {}: a file holds one",
                    other.meta, first.meta
                ),
            );
        }
        for (_, idle) in idle {
            report.notice(
                idle.meta.at,
                &idle.meta.path(),
                format_args!(
                    "{} has no spec.trafficPolicy.connectionPool: it limits nothing",
                    idle.meta
                ),
            );
        }
        Some(index)
    }

    /// Whether a policy has anything that limits: a pool, or for those that are sent a budget.
    fn limits_any(&self, policy: &TrafficPolicy) -> bool {
        policy.connection_pool.is_some() || self.outbound && policy.retry_budget.is_some()
    }

    pub(super) fn unreadable(&self, error: &io::Error) -> Rejected {
        Rejected::of_file(&self.path, format_args!("cannot be read: {error}"))
    }
}

fn text(field: &Option<Spanned<String>>) -> Option<String> {
    field.as_ref().map(|field| field.value.clone())
}

/// The file's content, as far as it may count: one byte over the limit is enough to refuse it.
pub(super) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let (file, metadata) = open_regular(path)?;
    read_bounded(file, &metadata)
}

/// Opens a regular file, and tells what it was when it was opened.
pub(super) fn open_regular(path: &Path) -> io::Result<(File, Metadata)> {
    // Opening a pipe would block, so look first. If it is exchanged in between, the open one is
    // looked at again.
    regular(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    regular(&metadata)?;
    Ok((file, metadata))
}

pub(super) fn read_bounded(file: File, metadata: &Metadata) -> io::Result<Vec<u8>> {
    let length = usize::try_from(metadata.len())
        .unwrap_or(usize::MAX)
        .min(MAX_BYTES);
    let mut bytes = Vec::with_capacity(length + 1);
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let found = if metadata.is_dir() {
        "a directory"
    } else {
        "a special file"
    };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {found}, not a regular file"),
    ))
}

/// A rule that was read and found valid. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule(Arc<Valid>);

#[derive(Debug, PartialEq, Eq)]
struct Valid {
    limits: Limits,
    name: Option<String>,
    namespace: Option<String>,
    host: String,
    notices: Vec<Problem>,
    explanation: Explanation,
}

impl Rule {
    /// The limits for the requests that this process serves; or sends, where the file is read
    /// [for those](RuleFile::outbound).
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// The rule's `metadata.name`.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The rule's `metadata.namespace`.
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.as_deref()
    }

    /// The rule's `spec.host`, as written. The rule holds whatever it is.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// What is worth knowing though the rule is valid, in the order of the file: fields without
    /// effect here, and combinations that were probably not meant.
    pub fn notices(&self) -> &[Problem] {
        &self.0.notices
    }

    /// Every limit with where it is from, and what has no effect and why.
    pub fn explanation(&self) -> &Explanation {
        &self.0.explanation
    }
}

/// A rule file that is not applied, and why. Printed, it is one line for each problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    problems: Vec<Problem>,
}

impl Rejected {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// For a reason that concerns the file as a whole.
    pub(super) fn of_file(file: &Path, why: impl fmt::Display) -> Self {
        let mut report = Report::new(file);
        report.file_error(why);
        Self {
            problems: report.into_problems(),
        }
    }

    /// All that was found, in the order of the file; at least one is a [`Severity::Error`].
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Those that are why it is not applied.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems
            .iter()
            .filter(|problem| problem.severity() == Severity::Error)
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Rejected {}
