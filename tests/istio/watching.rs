//! A file followed live, over real files. Every wait is for an event; what must not happen is
//! shown by what comes next.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meshpool::Limits;
use meshpool::istio::RuleFile;
use meshpool::istio::watch::{Change, RuleWatch};
use tempfile::TempDir;

use crate::log;
use crate::support::rule;

/// Long enough to be seen in a debugger, never reached by a test that passes.
const NEVER: Duration = Duration::from_secs(3600);

fn limit(requests: u32) -> String {
    rule(&format!("http: {{http2MaxRequests: {requests}}}"))
}

/// A directory with a rule file in it that is not written yet.
fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rule.yaml");
    (dir, path)
}

/// A debounce that does not pass between two calls that follow each other, so that the
/// gap between them is not seen.
const PATIENT: Duration = Duration::from_secs(1);

/// Replaces the file in one step: there is no instant at which it is empty.
fn put(path: &Path, text: impl AsRef<[u8]>) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(&draft, path).unwrap();
}

/// Follows by the system's events alone.
fn watch(path: &Path) -> RuleWatch {
    RuleFile::new(path)
        .debounce(Duration::from_millis(20))
        .poll_interval(NEVER)
        .watch()
        .unwrap()
}

async fn applied(watch: &mut RuleWatch) -> Option<u32> {
    match watch.changed().await {
        Change::Applied(rule) => rule.limits().max_requests,
        other => panic!("not applied: {other:?}"),
    }
}

async fn rejected(watch: &mut RuleWatch) -> String {
    match watch.changed().await {
        Change::Rejected(rejected) => rejected.to_string(),
        other => panic!("not rejected: {other:?}"),
    }
}

async fn removed(watch: &mut RuleWatch) {
    assert_eq!(watch.changed().await, Change::Removed);
}

#[tokio::test]
async fn the_first_change_is_the_present_state() {
    let (_dir, path) = place();
    removed(&mut watch(&path)).await;
    put(&path, limit(1));
    assert_eq!(applied(&mut watch(&path)).await, Some(1));
    put(&path, "");
    assert!(
        rejected(&mut watch(&path))
            .await
            .contains("nothing to enforce")
    );
}

#[tokio::test]
async fn a_write_in_place_is_applied_and_its_first_half_is_not_seen() {
    let (_dir, path) = place();
    put(&path, limit(1));
    let file = RuleFile::new(&path).debounce(PATIENT).poll_interval(NEVER);
    let mut watch = file.watch().unwrap();
    assert_eq!(applied(&mut watch).await, Some(1));
    let text = limit(2);
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    fs::write(&path, text).unwrap();
    assert_eq!(applied(&mut watch).await, Some(2));
    let stats = watch.status().stats();
    assert_eq!(
        (stats.updates, stats.rejects, stats.removals, stats.revision),
        (2, 0, 0, 2)
    );
}

#[tokio::test]
async fn a_replacing_rename_is_applied() {
    let (dir, path) = place();
    put(&path, limit(1));
    let mut watch = watch(&path);
    assert_eq!(applied(&mut watch).await, Some(1));
    let draft = dir.path().join(".rule.yaml.swp");
    fs::write(&draft, limit(2)).unwrap();
    fs::rename(&draft, &path).unwrap();
    assert_eq!(applied(&mut watch).await, Some(2));
    assert_eq!(watch.status().stats().removals, 0);
}

#[tokio::test]
async fn a_file_re_created_within_the_debounce_was_never_gone() {
    let (dir, path) = place();
    put(&path, limit(1));
    let file = RuleFile::new(&path).debounce(PATIENT).poll_interval(NEVER);
    let mut watch = file.watch().unwrap();
    assert_eq!(applied(&mut watch).await, Some(1));
    fs::remove_file(&path).unwrap();
    // It may be seen to be gone now; were that believed at once, it would be told.
    tokio::time::sleep(PATIENT / 10).await;
    fs::write(&path, limit(2)).unwrap();
    assert_eq!(applied(&mut watch).await, Some(2));
    // An editor that keeps the old file and writes a new one.
    fs::rename(&path, dir.path().join("rule.yaml~")).unwrap();
    fs::write(&path, limit(3)).unwrap();
    assert_eq!(applied(&mut watch).await, Some(3));
    assert_eq!(watch.status().stats().removals, 0);
}

#[tokio::test]
async fn a_deleted_file_lifts_the_limits_and_a_new_one_sets_them() {
    let (_dir, path) = place();
    put(&path, limit(1));
    let mut watch = watch(&path);
    assert_eq!(applied(&mut watch).await, Some(1));
    fs::remove_file(&path).unwrap();
    let change = watch.changed().await;
    assert_eq!(change, Change::Removed);
    assert_eq!(change.limits(), Some(Limits::new()));
    assert_eq!(watch.status().rule(), None);
    put(&path, limit(2));
    assert_eq!(applied(&mut watch).await, Some(2));
    let stats = watch.status().stats();
    assert_eq!((stats.updates, stats.removals, stats.revision), (2, 1, 3));
}

#[tokio::test]
async fn an_empty_or_broken_file_keeps_the_last_good_limits_and_is_reported() {
    let (_dir, path) = place();
    put(&path, limit(1));
    let mut watch = watch(&path);
    let status = watch.status();
    assert_eq!(applied(&mut watch).await, Some(1));
    for (text, reason) in [
        (String::new(), "nothing to enforce"),
        ("http: [".to_owned(), "not valid YAML"),
        (
            limit(1).replace("http2MaxRequests", "http2MaxRequest"),
            "did you mean",
        ),
        ("x".repeat((1 << 20) + 1), "larger than 1048576 bytes"),
    ] {
        put(&path, text);
        let change = watch.changed().await;
        assert_eq!(change.limits(), None);
        let Change::Rejected(rejected) = change else {
            panic!("{change:?}")
        };
        assert!(rejected.to_string().contains(reason), "{rejected}");
        assert_eq!(status.rejected(), Some(rejected));
        assert_eq!(status.rule().unwrap().limits().max_requests, Some(1));
    }
    // The same good content as before the trouble: told again, so that its end is known.
    put(&path, limit(1));
    assert_eq!(applied(&mut watch).await, Some(1));
    assert_eq!(status.rejected(), None);
    let stats = status.stats();
    assert_eq!((stats.updates, stats.rejects, stats.revision), (2, 4, 2));
}

#[tokio::test]
async fn identical_content_is_no_change() {
    let (_dir, path) = place();
    put(&path, limit(1));
    let file = RuleFile::new(&path)
        .debounce(Duration::from_millis(1))
        .poll_interval(Duration::from_millis(10));
    let mut watch = file.watch().unwrap();
    let status = watch.status();
    assert_eq!(applied(&mut watch).await, Some(1));
    put(&path, limit(1));
    // The second look that ends from now on began after the write.
    let looks = status.stats().looks;
    while status.stats().looks < looks + 2 {
        std::thread::yield_now();
    }
    assert_eq!(status.stats().updates, 1);
    put(&path, limit(2));
    assert_eq!(applied(&mut watch).await, Some(2));
}

#[tokio::test]
async fn a_directory_in_the_files_place_is_rejected() {
    let (_dir, path) = place();
    put(&path, limit(1));
    let mut watch = watch(&path);
    assert_eq!(applied(&mut watch).await, Some(1));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(rejected(&mut watch).await.contains("it is a directory"));
    fs::remove_dir(&path).unwrap();
    removed(&mut watch).await;
}

#[tokio::test]
async fn a_directory_that_appears_or_vanishes_is_followed() {
    let (dir, _) = place();
    let deep = dir.path().join("a/b");
    let path = deep.join("rule.yaml");
    let mut watch = watch(&path);
    removed(&mut watch).await;
    for requests in [1, 2] {
        fs::create_dir_all(&deep).unwrap();
        put(&path, limit(requests));
        assert_eq!(applied(&mut watch).await, Some(requests));
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        removed(&mut watch).await;
    }
}

#[tokio::test]
async fn dropping_the_handle_ends_the_thread() {
    let (_dir, path) = place();
    let mut watch = watch(&path);
    removed(&mut watch).await;
    let status = watch.status();
    assert!(!status.is_ended());
    drop(watch);
    while !status.is_ended() {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn a_change_that_was_not_fetched_is_replaced_but_a_rejection_hides_no_limits() {
    let (_dir, path) = place();
    put(&path, limit(1));
    let mut watch = watch(&path);
    let status = watch.status();
    let mut seen = 0;
    for (text, reject) in [(limit(2), false), (limit(3), false), (String::new(), true)] {
        // Each is seen by the counters before the next is written, and none is fetched.
        while status.stats().updates + status.stats().rejects <= seen {
            std::thread::yield_now();
        }
        seen = status.stats().updates + status.stats().rejects;
        put(&path, text);
        if reject {
            while status.stats().rejects == 0 {
                std::thread::yield_now();
            }
        }
    }
    assert_eq!(applied(&mut watch).await, Some(3));
    assert!(rejected(&mut watch).await.contains("nothing to enforce"));
    put(&path, limit(4));
    assert_eq!(applied(&mut watch).await, Some(4));
}

#[tokio::test]
async fn a_dropped_future_loses_no_change() {
    let (_dir, path) = place();
    let mut watch = watch(&path);
    removed(&mut watch).await;
    {
        let mut waiting = tokio_test::task::spawn(watch.changed());
        tokio_test::assert_pending!(waiting.poll());
    }
    put(&path, limit(1));
    assert_eq!(applied(&mut watch).await, Some(1));
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;

    /// What the kubelet does: a directory with a time in its name, and a link that is swapped.
    fn publish(mount: &Path, version: &str, text: &str) {
        let data = mount.join(version);
        fs::create_dir(&data).unwrap();
        fs::write(data.join("rule.yaml"), text).unwrap();
        symlink(version, mount.join("..data_tmp")).unwrap();
        fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    }

    #[tokio::test]
    async fn the_swap_of_a_mounted_config_map_is_applied() {
        let (dir, path) = place();
        publish(dir.path(), "..2024_1", &limit(1));
        symlink("..data/rule.yaml", &path).unwrap();
        let mut watch = watch(&path);
        assert_eq!(applied(&mut watch).await, Some(1));
        for requests in 2..5 {
            publish(dir.path(), &format!("..2024_{requests}"), &limit(requests));
            fs::remove_dir_all(dir.path().join(format!("..2024_{}", requests - 1))).unwrap();
            assert_eq!(applied(&mut watch).await, Some(requests));
        }
        assert_eq!(watch.status().stats().removals, 0);
    }

    #[tokio::test]
    async fn a_links_target_elsewhere_is_followed() {
        let (_dir, path) = place();
        let (_elsewhere, target) = place();
        put(&target, limit(1));
        symlink(&target, &path).unwrap();
        let mut watch = watch(&path);
        assert_eq!(applied(&mut watch).await, Some(1));
        put(&target, limit(2));
        assert_eq!(applied(&mut watch).await, Some(2));
        fs::remove_file(&target).unwrap();
        removed(&mut watch).await;
    }

    #[tokio::test]
    async fn the_poll_finds_what_the_system_does_not_tell() {
        let (dir, _) = place();
        for (name, requests) in [("a", 1), ("b", 2)] {
            fs::create_dir(dir.path().join(name)).unwrap();
            put(&dir.path().join(name).join("rule.yaml"), limit(requests));
        }
        // A link above the file's own directory is not watched.
        let link = dir.path().join("link");
        symlink("a", &link).unwrap();
        let file = RuleFile::new(link.join("rule.yaml"))
            .debounce(Duration::from_millis(1))
            .poll_interval(Duration::from_millis(20));
        let mut watch = file.watch().unwrap();
        assert_eq!(applied(&mut watch).await, Some(1));
        symlink("b", dir.path().join("new")).unwrap();
        fs::rename(dir.path().join("new"), &link).unwrap();
        assert_eq!(applied(&mut watch).await, Some(2));
    }

    #[tokio::test]
    async fn a_pipe_is_rejected_and_does_not_block() {
        let (dir, path) = place();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: no mkfifo");
            return;
        }
        let mut watch = watch(&path);
        assert!(rejected(&mut watch).await.contains("it is a special file"));
        let file = dir.path().join("file");
        fs::write(&file, limit(1)).unwrap();
        fs::rename(&file, &path).unwrap();
        assert_eq!(applied(&mut watch).await, Some(1));
    }
}

#[tokio::test]
async fn limits_that_change_are_logged_and_counted_from_what_to_what() {
    log::listen();
    let (_dir, path) = place();
    put(&path, limit(1));
    let mut watch = watch(&path);
    assert_eq!(applied(&mut watch).await, Some(1));
    let others = format!("# The same limits.\n{}", limit(1));
    put(&path, others);
    assert_eq!(applied(&mut watch).await, Some(1));
    put(&path, limit(2));
    assert_eq!(applied(&mut watch).await, Some(2));
    fs::remove_file(&path).unwrap();
    removed(&mut watch).await;
    // What is told was logged before the next that is told.
    put(&path, limit(3));
    assert_eq!(applied(&mut watch).await, Some(3));
    let requests = |requests: u32| {
        let limits = Limits::new().max_requests(requests);
        format!("{:?}", limits.max_pending_requests(0))
    };
    let (none, one, two) = (format!("{:?}", Limits::new()), requests(1), requests(2));
    let of = path.display();
    let lines = log::lines(&path);
    for (line, (from, to, revision)) in [(&none, &one, 1), (&one, &two, 3), (&two, &none, 4)]
        .iter()
        .enumerate()
    {
        let line = &lines[line];
        let told = format!("limits changed of={of} from={from} to={to} revision={revision}");
        assert!(line.contains("INFO") && line.ends_with(&told), "{line}");
    }
    assert_eq!(watch.status().stats().limit_changes, 4);
}

#[tokio::test]
async fn a_rejection_is_logged() {
    log::listen();
    let (_dir, path) = place();
    put(
        &path,
        limit(1).replace("http2MaxRequests", "http2MaxRequest"),
    );
    let text = rejected(&mut watch(&path)).await;
    let lines = log::lines(&path);
    let [line] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert!(line.contains("WARN") && line.contains(&text), "{line}");
}
