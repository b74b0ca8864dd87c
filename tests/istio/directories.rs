//! Several files and directories followed live into rules, over real files. Every wait is for an
//! event; what must not happen is shown by what comes next.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use meshpool::istio::rules::{InboundRules, Rules, SourceStatus};
use meshpool::istio::watch::{FilesWatch, RuleFiles};
use meshpool::istio::{OnFull, Query, RuleSet, Service};
use tempfile::TempDir;

/// Long enough to be seen in a debugger, never reached by a test that passes.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);

/// A rule for a host, that allows so many requests.
pub(crate) fn rule(host: &str, requests: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\n\
         kind: DestinationRule\n\
         metadata: {{name: {host}, namespace: demo}}\n\
         spec:\n\
         \x20 host: {host}\n\
         \x20 trafficPolicy: {{connectionPool: {{http: {{http2MaxRequests: {requests}}}}}}}\n"
    )
}

/// What limits a host of the namespace.
pub(crate) fn host(rules: &Rules, host: &str) -> InboundRules {
    rules.inbound(Service::new(host).namespace("demo"))
}

pub(crate) fn limit(rules: &Rules, name: &str) -> Option<u32> {
    host(rules, name).limits().max_requests
}

/// Waits until the host's limit is this.
pub(crate) async fn until(of: &mut InboundRules, requests: Option<u32>) {
    while of.changed().await.max_requests != requests {}
}

/// Waits until what rules went through is so.
pub(crate) fn spin(rules: &Rules, so: impl Fn(&Rules) -> bool) {
    while !so(rules) {
        std::thread::yield_now();
    }
}

pub(crate) fn source(rules: &Rules, path: &Path) -> Option<SourceStatus> {
    let name = path.to_string_lossy();
    let mut sources = rules.sources().into_iter();
    sources.find(|source| source.name == name)
}

pub(crate) fn rejection(rules: &Rules, path: &Path) -> Option<String> {
    source(rules, path)?
        .rejected
        .map(|rejected| rejected.to_string())
}

/// Replaces the file in one step, by way of a name that does not count.
pub(crate) fn put(path: &Path, text: impl AsRef<[u8]>) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(&draft, path).unwrap();
}

pub(crate) fn empty() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Follows by the system's events alone, from when what is there is in force.
pub(crate) async fn follow(paths: &[&Path]) -> (Rules, FilesWatch) {
    let rules = Rules::new();
    let files = RuleFiles::new(paths.iter().copied())
        .debounce(Duration::from_millis(20))
        .poll_interval(NEVER);
    let mut watch = files.follow(&rules).unwrap();
    watch.settled().await;
    (rules, watch)
}

#[tokio::test]
async fn all_files_and_directories_are_in_force_once_settled() {
    let (one, other, files) = (empty(), empty(), empty());
    for (path, name, requests) in [
        (one.path().join("a.yaml"), "a", 1),
        (one.path().join("b.yml"), "b", 2),
        (other.path().join("c.json"), "c", 3),
        // Named itself, it may be called anything.
        (files.path().join("rules"), "d", 4),
    ] {
        put(&path, rule(name, requests));
    }
    for ignored in [".hidden.yaml", "notes.txt", "e.yaml~"] {
        put(&one.path().join(ignored), rule("e", 5));
    }
    fs::create_dir(one.path().join("deeper")).unwrap();
    put(&one.path().join("deeper/e.yaml"), rule("e", 5));

    let file = files.path().join("rules");
    let (rules, _watch) = follow(&[one.path(), other.path(), &file]).await;
    for (name, requests) in [
        ("a", Some(1)),
        ("b", Some(2)),
        ("c", Some(3)),
        ("d", Some(4)),
    ] {
        assert_eq!(limit(&rules, name), requests, "{name}");
    }
    assert_eq!(limit(&rules, "e"), None);
    assert_eq!(rules.sources().len(), 4);
    assert_eq!(rules.revision(), 1, "all at once");
}

#[tokio::test]
async fn of_objects_that_are_there_twice_that_counts_whose_path_was_given_first() {
    let (one, other) = (empty(), empty());
    let paths = [
        one.path().join("b.yaml"),
        one.path().join("c.yaml"),
        other.path().join("a.yaml"),
    ];
    for (path, requests) in paths.iter().zip(1..) {
        put(path, rule("user", requests));
    }
    let [b, c, a] = paths.each_ref().map(|path| path.as_path());
    // Where they are from here.
    let here = std::env::current_dir().unwrap();
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(b.strip_prefix("/").unwrap());
    for (given, requests) in [
        (&[one.path(), other.path()][..], 1),
        (&[other.path(), one.path()], 3),
        (&[c, a, b], 2),
        (&[a, c, b], 3),
        (&[a, &relative], 3),
        (&[&relative, a], 1),
        // A file counts where it was named first, by itself or by its directory.
        (&[c, one.path(), c], 2),
        (&[one.path(), c], 1),
    ] {
        let (rules, _watch) = follow(given).await;
        assert_eq!(limit(&rules, "user"), Some(requests), "{given:?}");
        // A set that is read once is of the same mind.
        let set = given
            .iter()
            .fold(RuleSet::builder(), |set, path| set.path(path));
        let query = Query::inbound(Service::new("user").namespace("demo"));
        let limits = set.build().settings(&query).limits(OnFull::Refuse);
        assert_eq!(limits.max_requests, Some(requests), "{given:?}");
    }
}

#[tokio::test]
async fn a_file_that_comes_takes_nothing_over() {
    let dir = empty();
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    put(&b, rule("user", 2));
    let (rules, _watch) = follow(&[dir.path()]).await;
    put(&a, rule("user", 1));
    spin(&rules, |rules| rules.sources().len() == 2);
    assert_eq!(limit(&rules, "user"), Some(2));
    let problems = rules.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].file(), a);
    let mut of_user = host(&rules, "user");
    fs::remove_file(&b).unwrap();
    until(&mut of_user, Some(1)).await;
    assert!(rules.problems().is_empty());
}

#[tokio::test]
async fn a_file_that_is_named_twice_is_one_source() {
    let dir = empty();
    let file = dir.path().join("a.yaml");
    put(&file, rule("user", 1));
    let dotted = dir.path().join(".").join("a.yaml");
    let other = Path::new("/..").join(file.strip_prefix("/").unwrap());
    for given in [
        &[dir.path(), &file][..],
        &[&file, dir.path()],
        &[&file, &dotted, &file],
        &[&dotted, dir.path()],
    ] {
        let (rules, _watch) = follow(given).await;
        assert_eq!(rules.sources().len(), 1, "{given:?}");
        assert!(rules.problems().is_empty(), "{given:?}");
        let set = given
            .iter()
            .fold(RuleSet::builder(), |set, path| set.path(path));
        assert!(set.build().is_valid(), "{given:?}");
    }
    // What links and `..` come to is not followed: these are two.
    let (rules, _watch) = follow(&[&file, &other]).await;
    assert_eq!((rules.sources().len(), rules.problems().len()), (2, 1));
}

/// Only some file systems have such names.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_names_that_are_no_unicode_are_two_sources() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let dir = empty();
    for (name, host) in [(&b"\xf0.yaml"[..], "a"), (b"\xf1.yaml", "b")] {
        put(&dir.path().join(OsStr::from_bytes(name)), rule(host, 1));
    }
    let (rules, _watch) = follow(&[dir.path()]).await;
    assert_eq!((limit(&rules, "a"), limit(&rules, "b")), (Some(1), Some(1)));
    let names: Vec<_> = rules.sources().into_iter().map(|it| it.name).collect();
    assert_eq!(names.len(), 2);
    assert!(names[0].ends_with("\\xF0.yaml\""), "{names:?}");
}

#[tokio::test]
async fn files_that_come_change_and_go_are_followed() {
    let dir = empty();
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    let (rules, _watch) = follow(&[dir.path()]).await;
    let (mut of_a, mut of_b) = (host(&rules, "a"), host(&rules, "b"));
    put(&a, rule("a", 1));
    until(&mut of_a, Some(1)).await;
    put(&b, rule("b", 1));
    until(&mut of_b, Some(1)).await;
    fs::write(&a, rule("a", 2)).unwrap();
    until(&mut of_a, Some(2)).await;
    assert_eq!(limit(&rules, "b"), Some(1));
    fs::remove_file(&a).unwrap();
    until(&mut of_a, None).await;
    assert_eq!(limit(&rules, "b"), Some(1));
    let stats = rules.stats();
    assert_eq!((stats.updates, stats.removals, stats.rejects), (3, 1, 0));
}

#[tokio::test]
async fn a_renamed_file_never_stops_limiting() {
    let dir = empty();
    put(&dir.path().join("a.yaml"), rule("a", 1));
    let (rules, _watch) = follow(&[dir.path()]).await;
    let revision = rules.revision();
    fs::rename(dir.path().join("a.yaml"), dir.path().join("b.yaml")).unwrap();
    spin(&rules, |rules| rules.revision() > revision);
    assert_eq!(limit(&rules, "a"), Some(1));
    assert_eq!(rules.revision(), revision + 1, "both names at once");
    assert_eq!(rules.sources().len(), 1);
    assert!(rules.sources()[0].name.ends_with("b.yaml"));
}

#[tokio::test]
async fn a_broken_file_keeps_its_own_last_good_rules_and_holds_up_no_other() {
    let dir = empty();
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    put(&a, rule("a", 1));
    put(&b, rule("b", 1));
    let (rules, _watch) = follow(&[dir.path()]).await;
    let (mut of_a, mut of_b) = (host(&rules, "a"), host(&rules, "b"));
    until(&mut of_b, Some(1)).await;
    for (index, text) in ["", "kind: [", "x"].iter().enumerate() {
        let text = match *text {
            "x" => rule("a", 2).replace("http2MaxRequests", "http2MaxRequest"),
            text => text.to_owned(),
        };
        put(&a, text);
        spin(&rules, |rules| rules.stats().rejects > index as u64);
        assert_eq!(limit(&rules, "a"), Some(1));
        let status = source(&rules, &a).unwrap();
        assert!(status.in_force && status.rejected.is_some());
        assert!(!rules.problems().is_empty());
        // The other one is free to change.
        let requests = index as u32 + 10;
        put(&b, rule("b", requests));
        until(&mut of_b, Some(requests)).await;
    }
    put(&a, rule("a", 2));
    until(&mut of_a, Some(2)).await;
    assert_eq!(rejection(&rules, &a), None);
}

#[tokio::test]
async fn a_file_that_never_rests_holds_up_no_other() {
    let dir = empty();
    let (a, b) = (dir.path().join("a.yaml"), dir.path().join("b.yaml"));
    put(&a, rule("a", 1));
    put(&b, rule("b", 1));
    let rules = Rules::new();
    let files = RuleFiles::new([dir.path()]).debounce(Duration::from_millis(2));
    let mut watch = files.follow(&rules).unwrap();
    watch.settled().await;
    let mut of_b = host(&rules, "b");
    until(&mut of_b, Some(1)).await;
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut requests = 1;
            while !enough.load(Ordering::Relaxed) {
                requests += 1;
                put(&a, rule("a", requests));
            }
        });
        put(&b, rule("b", 2));
        spin(&rules, |rules| limit(rules, "b") == Some(2));
        enough.store(true, Ordering::Relaxed);
    });
    put(&a, rule("a", 0));
    until(&mut host(&rules, "a"), None).await;
}

#[tokio::test]
async fn ten_thousand_files_are_followed() {
    const FILES: u32 = 10_000;

    let dir = empty();
    for number in 0..FILES {
        let path = dir.path().join(format!("{number}.yaml"));
        fs::write(path, rule(&format!("host{number}"), number + 1)).unwrap();
    }
    let (rules, watch) = follow(&[dir.path()]).await;
    assert_eq!(rules.stats().updates, u64::from(FILES));
    assert_eq!(rules.revision(), 1);
    for number in [0, 4711, FILES - 1] {
        assert_eq!(limit(&rules, &format!("host{number}")), Some(number + 1));
    }
    let mut of_one = host(&rules, "host4711");
    until(&mut of_one, Some(4712)).await;
    put(&dir.path().join("4711.yaml"), rule("host4711", 1));
    until(&mut of_one, Some(1)).await;
    // What did not change was not read into the rules again.
    assert_eq!(rules.stats().updates, u64::from(FILES) + 1);
    drop(watch);
}

#[tokio::test]
async fn files_that_are_too_much_together_are_reported() {
    let dir = empty();
    let filler = format!("# {}\n", "x".repeat(1021)).repeat(1022);
    for number in 0..65 {
        let path = dir.path().join(format!("{number:02}.yaml"));
        fs::write(
            path,
            format!("{filler}{}", rule(&format!("host{number:02}"), 1)),
        )
        .unwrap();
    }
    let (rules, _watch) = follow(&[dir.path()]).await;
    assert_eq!(limit(&rules, "host00"), Some(1));
    let why = rejection(&rules, &dir.path().join("64.yaml")).unwrap();
    assert!(
        why.contains("together are larger than 67108864 bytes"),
        "{why}"
    );
    assert_eq!(limit(&rules, "host64"), None);
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    /// What the kubelet does: a directory with a time in its name, and a link that is swapped.
    fn publish(mount: &Path, version: &str, requests: u32) {
        let data = mount.join(version);
        fs::create_dir(&data).unwrap();
        for name in ["a", "b"] {
            fs::write(data.join(format!("{name}.yaml")), rule(name, requests)).unwrap();
        }
        symlink(version, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    }

    #[tokio::test]
    async fn all_files_of_a_config_map_change_at_once() {
        let dir = empty();
        publish(dir.path(), "..1", 1);
        for name in ["a.yaml", "b.yaml"] {
            symlink(format!("..data/{name}"), dir.path().join(name)).unwrap();
        }
        let (rules, _watch) = follow(&[dir.path()]).await;
        let mut of_a = host(&rules, "a");
        until(&mut of_a, Some(1)).await;
        for requests in 2..5 {
            publish(dir.path(), &format!("..{requests}"), requests);
            fs::remove_dir_all(dir.path().join(format!("..{}", requests - 1))).unwrap();
            until(&mut of_a, Some(requests)).await;
            assert_eq!(limit(&rules, "b"), Some(requests));
            assert_eq!(rules.revision(), u64::from(requests));
        }
        let stats = rules.stats();
        assert_eq!((stats.rejects, stats.removals), (0, 0));
        assert_eq!(rules.sources().len(), 2);
    }
}
