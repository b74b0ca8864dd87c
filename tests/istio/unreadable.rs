//! What is there and cannot be read: it is reported, and what was read last stays in force. What is
//! wrong comes in one step, by a rename, so that no file is ever gone.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meshpool::istio::rules::Rules;
use meshpool::istio::watch::{Change, RuleFiles};
use meshpool::istio::{Problem, RuleFile, RuleSet};

use crate::directories::{empty, follow, limit, put, rejection, rule, spin};

/// What a file may be so that nobody can read it.
#[derive(Clone, Copy, Debug)]
enum Odd {
    /// A socket.
    Special,
    /// A link to itself: ELOOP.
    Loop,
    /// A link to a directory.
    Directory,
    /// A regular file that can be opened, and whose first byte can't be read: EIO.
    Failing,
    /// A text that is none.
    Binary,
    Large,
}

const ALL: [Odd; 6] = [
    Odd::Special,
    Odd::Loop,
    Odd::Directory,
    Odd::Failing,
    Odd::Binary,
    Odd::Large,
];

/// The memory of this process, of which nothing is at its start.
const MEMORY: &str = "/proc/self/mem";

impl Odd {
    /// All that this system has.
    fn all() -> impl Iterator<Item = Self> {
        let fails = fs::read(MEMORY).is_err_and(|error| error.raw_os_error() == Some(5));
        if !fails {
            eprintln!("SKIPPED: no file whose reading fails");
        }
        ALL.into_iter()
            .filter(move |odd| fails || !matches!(odd, Self::Failing))
    }

    /// Puts it in the place of a file.
    fn replace(self, path: &Path) {
        let odd = path.with_file_name("odd");
        match self {
            Self::Special => drop(UnixListener::bind(&odd).unwrap()),
            Self::Loop => symlink(path, &odd).unwrap(),
            Self::Directory => symlink(path.parent().unwrap(), &odd).unwrap(),
            Self::Failing => symlink(MEMORY, &odd).unwrap(),
            Self::Binary => fs::write(&odd, b"kind: \xff\xfe\n").unwrap(),
            Self::Large => fs::write(&odd, "#".repeat((1 << 20) + 1)).unwrap(),
        }
        fs::rename(&odd, path).unwrap();
    }

    /// What is told of it.
    fn why(self) -> &'static str {
        match self {
            Self::Special => "cannot be read: it is a special file, not a regular file",
            Self::Loop => "cannot be read: Too many levels of symbolic links",
            Self::Directory => "cannot be read: it is a directory, not a regular file",
            Self::Failing => "cannot be read: Input/output error",
            Self::Binary => "not UTF-8: the byte 0xff",
            Self::Large => "larger than 1048576 bytes",
        }
    }
}

#[tokio::test]
async fn a_file_of_a_directory_keeps_what_it_said() {
    let dir = empty();
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    put(&a, rule("a", 1));
    put(&b, rule("b", 1));
    let (rules, _watch) = follow(&[dir.path()]).await;
    for (times, odd) in (1..).zip(Odd::all()) {
        odd.replace(&a);
        spin(&rules, |rules| {
            rejection(rules, &a).is_some_and(|why| why.contains(odd.why()))
        });
        assert_eq!(limit(&rules, "a"), Some(1), "{odd:?}");
        // The other one goes on meanwhile, and this one is told once.
        put(&b, rule("b", times + 1));
        spin(&rules, |rules| limit(rules, "b") == Some(times + 1));
        assert_eq!(rules.stats().rejects, u64::from(times), "{odd:?}");
        let problems = rules.problems();
        assert!(problems.iter().all(|it| it.file() == a), "{problems:?}");
    }
    // What is right again is in force, and what is deleted is not.
    put(&a, rule("a", 2));
    spin(&rules, |rules| limit(rules, "a") == Some(2));
    assert!(rules.problems().is_empty());
    Odd::Directory.replace(&a);
    spin(&rules, |rules| rejection(rules, &a).is_some());
    fs::remove_file(&a).unwrap();
    spin(&rules, |rules| limit(rules, "a").is_none());
    assert!(rules.problems().is_empty());
    assert_eq!(rules.sources().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_named_keeps_what_it_said() {
    let dir = empty();
    let a = dir.path().join("a.yaml");
    put(&a, rule("a", 1));
    let (rules, _watch) = follow(&[&a]).await;
    // As a directory it is followed as one.
    for odd in Odd::all().filter(|odd| !matches!(odd, Odd::Directory)) {
        odd.replace(&a);
        spin(&rules, |rules| {
            rejection(rules, &a).is_some_and(|why| why.contains(odd.why()))
        });
        assert_eq!(limit(&rules, "a"), Some(1), "{odd:?}");
    }
    put(&a, rule("a", 2));
    spin(&rules, |rules| limit(rules, "a") == Some(2));
    assert!(rules.problems().is_empty());
}

#[tokio::test]
async fn the_only_rule_file_keeps_its_limits() {
    let dir = empty();
    let path = dir.path().join("rule.yaml");
    put(&path, rule("a", 1));
    let file = RuleFile::new(&path).debounce(Duration::from_millis(20));
    let mut watch = file.watch().unwrap();
    let status = watch.status();
    let first = watch.changed().await;
    assert_eq!(first.limits().unwrap().max_requests, Some(1));
    for odd in Odd::all() {
        odd.replace(&path);
        let told = watch.changed().await;
        let Change::Rejected(rejected) = told else {
            panic!("{odd:?}: {told:?}");
        };
        assert!(rejected.to_string().contains(odd.why()), "{rejected}");
        let rule = status.rule().unwrap();
        assert_eq!(rule.limits().max_requests, Some(1), "{odd:?}");
        assert!(!status.explanation().valid);
    }
    put(&path, rule("a", 2));
    let last = watch.changed().await;
    assert_eq!(last.limits().unwrap().max_requests, Some(2));
    assert!(status.explanation().valid);
}

#[tokio::test]
async fn a_directory_below_what_is_a_file_by_now_keeps_what_it_said() {
    let above = empty();
    let (real, way) = (above.path().join("real"), above.path().join("way"));
    fs::create_dir_all(real.join("rules")).unwrap();
    put(&real.join("rules/a.yaml"), rule("a", 1));
    symlink("real", &way).unwrap();
    let rules_in: PathBuf = way.join("rules");
    // No event tells of a link further up.
    let rules = Rules::new();
    let mut watch = RuleFiles::new([&rules_in])
        .debounce(Duration::from_millis(20))
        .poll_interval(Duration::from_millis(10))
        .follow(&rules)
        .unwrap();
    watch.settled().await;
    assert_eq!(limit(&rules, "a"), Some(1));
    // The way to it ends at a file: ENOTDIR.
    put(&way, "no directory");
    spin(&rules, |rules| {
        rejection(rules, &rules_in).is_some_and(|why| why.contains("the directory is gone"))
    });
    assert_eq!(limit(&rules, "a"), Some(1));
    // And the way leads there again.
    let again = above.path().join("again");
    symlink("real", &again).unwrap();
    fs::rename(&again, &way).unwrap();
    spin(&rules, |rules| rules.problems().is_empty());
    assert_eq!(limit(&rules, "a"), Some(1));
    assert_eq!((rules.revision(), rules.stats().removals), (1, 0));
}

#[test]
fn a_set_that_is_read_once_reports_it_and_has_the_others() {
    for odd in Odd::all() {
        let dir = empty();
        let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
        put(&a, rule("a", 1));
        put(&b, rule("b", 1));
        odd.replace(&a);
        let set = RuleSet::builder().path(&b).path(&a);
        let set = match odd {
            // Named itself, it is one whose files count, and here has one.
            Odd::Directory => RuleSet::builder().path(&b).mesh(&a).build(),
            _ => set.build(),
        };
        assert!(!set.is_valid(), "{odd:?}");
        let errors: Vec<_> = set.problems().iter().map(Problem::to_string).collect();
        let [error] = &errors[..] else {
            panic!("{errors:?}");
        };
        assert!(error.contains(odd.why()), "{error}");
        assert!(error.starts_with(&a.display().to_string()), "{error}");
        assert_eq!(set.rules().len(), 1, "{odd:?}");
    }
}
