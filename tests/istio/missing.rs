//! Files and directories that are followed and are not there, for a while or for good.

use std::fs;
use std::time::Duration;

use meshpool::istio::Problem;
use meshpool::istio::rules::Rules;
use meshpool::istio::watch::RuleFiles;

use crate::directories::{
    NEVER, empty, follow, host, limit, put, rejection, rule, source, spin, until,
};
use crate::log;

#[tokio::test]
async fn a_directory_that_vanishes_keeps_its_rules_is_reported_and_may_return() {
    let above = empty();
    let dir = above.path().join("rules");
    fs::create_dir(&dir).unwrap();
    put(&dir.join("a.yaml"), rule("a", 1));
    put(&dir.join("b.yaml"), rule("b", 1));
    let (rules, _watch) = follow(&[&dir]).await;
    let (mut of_a, mut of_b) = (host(&rules, "a"), host(&rules, "b"));
    until(&mut of_b, Some(1)).await;

    fs::rename(&dir, above.path().join("away")).unwrap();
    spin(&rules, |rules| rules.stats().rejects == 1);
    let why = rejection(&rules, &dir).unwrap();
    assert!(why.contains("the directory is gone"), "{why}");
    assert_eq!(limit(&rules, "a"), Some(1));
    assert_eq!(rules.revision(), 1);

    // It comes back with one file changed and one less.
    let next = above.path().join("next");
    fs::create_dir(&next).unwrap();
    put(&next.join("a.yaml"), rule("a", 2));
    fs::rename(&next, &dir).unwrap();
    until(&mut of_a, Some(2)).await;
    until(&mut of_b, None).await;
    assert_eq!(rejection(&rules, &dir), None);
    assert_eq!(rules.revision(), 2, "both at once");
    // And is followed as before.
    fs::remove_file(dir.join("a.yaml")).unwrap();
    until(&mut of_a, None).await;
}

#[tokio::test]
async fn a_directory_that_stays_away_stays_reported_and_is_told_once() {
    let (above, other) = (empty(), empty());
    let dir = above.path().join("rules");
    fs::create_dir(&dir).unwrap();
    put(&dir.join("a.yaml"), rule("a", 1));
    let (rules, _watch) = follow(&[&dir, other.path()]).await;
    fs::rename(&dir, above.path().join("away")).unwrap();
    spin(&rules, |rules| rules.stats().rejects == 1);
    // Other files change meanwhile, and at each look it is gone.
    let mut of_b = host(&rules, "b");
    for requests in 1..4 {
        put(&other.path().join("b.yaml"), rule("b", requests));
        until(&mut of_b, Some(requests)).await;
        let why = rejection(&rules, &dir).unwrap();
        assert!(why.contains("the directory is gone"), "{why}");
        assert_eq!(rules.problems().len(), 1);
    }
    let stats = rules.stats();
    assert_eq!((stats.rejects, stats.updates, stats.removals), (1, 4, 0));
    assert_eq!(limit(&rules, "a"), Some(1));
}

#[tokio::test]
async fn a_directory_that_returns_is_at_no_time_missed() {
    let above = empty();
    let dir = above.path().join("rules");
    fs::create_dir(&dir).unwrap();
    put(&dir.join("a.yaml"), rule("a", 1));
    // What is told between two looks is told for long.
    let rules = Rules::new();
    let files = RuleFiles::new([&dir]).debounce(Duration::from_millis(200));
    let mut watch = files.poll_interval(NEVER).follow(&rules).unwrap();
    watch.settled().await;
    fs::rename(&dir, above.path().join("away")).unwrap();
    spin(&rules, |rules| rejection(rules, &dir).is_some());
    fs::rename(above.path().join("away"), &dir).unwrap();
    // The first that is told of it after the trouble is that there is nothing to tell.
    spin(&rules, |rules| rejection(rules, &dir).is_none());
    assert!(source(&rules, &dir).is_none(), "{:?}", rules.problems());
    assert_eq!(limit(&rules, "a"), Some(1));
    assert_eq!((rules.revision(), rules.stats().removals), (1, 0));
}

#[tokio::test]
async fn a_file_may_become_a_directory_and_a_directory_a_file() {
    let above = empty();
    let path = above.path().join("rules");
    put(&path, rule("a", 1));
    let (rules, _watch) = follow(&[&path]).await;
    let mut of_a = host(&rules, "a");
    until(&mut of_a, Some(1)).await;
    let next = above.path().join("next");
    fs::create_dir(&next).unwrap();
    put(&next.join("a.yaml"), rule("a", 2));
    fs::remove_file(&path).unwrap();
    fs::rename(&next, &path).unwrap();
    until(&mut of_a, Some(2)).await;
    let told = source(&rules, &path);
    assert!(told.is_none(), "{told:?}");
    assert!(rules.problems().is_empty());

    fs::remove_dir_all(&path).unwrap();
    put(&path, rule("a", 3));
    until(&mut of_a, Some(3)).await;
    assert_eq!(rules.sources().len(), 1);
    assert!(rules.problems().is_empty());
}

#[tokio::test]
async fn a_directory_that_is_not_there_yet_is_waited_for() {
    let above = empty();
    let dir = above.path().join("deep/rules");
    let (rules, _watch) = follow(&[&dir]).await;
    let mut of_a = host(&rules, "a");
    // Whoever has mistyped its name is told.
    let missed = format!(
        "{}: warning: there is no such file or directory; it is waited for",
        dir.display()
    );
    let told = |problems: &[Problem]| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told(&rules.problems()), [&*missed]);
    let explanation = of_a.explanation();
    assert!(explanation.valid);
    assert!(told(&explanation.problems).contains(&missed));
    assert_eq!((rules.revision(), rules.stats().rejects), (0, 0));
    assert_eq!(source(&rules, &dir).map(|it| it.in_force), Some(false));

    fs::create_dir_all(&dir).unwrap();
    put(&dir.join("a.yaml"), rule("a", 1));
    until(&mut of_a, Some(1)).await;
    assert!(rules.problems().is_empty());
}

#[tokio::test]
async fn that_a_file_is_missed_is_logged_each_time_that_it_goes() {
    log::listen();
    let dir = empty();
    let path = dir.path().join("a.yaml");
    let (rules, _watch) = follow(&[&path]).await;
    let mut of_a = host(&rules, "a");
    let missed = |times: usize| {
        let lines = log::lines(&path);
        let missed = lines.iter().filter(|line| {
            let why = "there is no such file or directory; it is waited for";
            line.contains("WARN") && line.contains("rules may be missing") && line.contains(why)
        });
        assert_eq!(missed.count(), times, "{lines:#?}");
    };
    missed(1);
    put(&path, rule("a", 1));
    until(&mut of_a, Some(1)).await;
    missed(1);
    fs::remove_file(&path).unwrap();
    spin(&rules, |rules| !rules.problems().is_empty());
    // It is logged when it is in force, and before any other change is.
    put(&path, rule("a", 2));
    until(&mut of_a, Some(2)).await;
    missed(2);
}

#[tokio::test]
async fn a_file_that_was_named_is_missed_when_it_is_deleted_and_no_other() {
    let (dir, other) = (empty(), empty());
    let (named, found) = (other.path().join("b.yaml"), dir.path().join("a.yaml"));
    put(&named, rule("b", 1));
    put(&found, rule("a", 1));
    let (rules, _watch) = follow(&[dir.path(), &named]).await;
    let (mut of_a, mut of_b) = (host(&rules, "a"), host(&rules, "b"));
    until(&mut of_a, Some(1)).await;
    until(&mut of_b, Some(1)).await;
    fs::remove_file(&found).unwrap();
    until(&mut of_a, None).await;
    assert!(rules.problems().is_empty());
    fs::remove_file(&named).unwrap();
    until(&mut of_b, None).await;
    let problems = rules.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].file(), named);
    assert_eq!(rules.stats().removals, 2);
}
