//! The README: what it shows is what there is.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::process::{output, text};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

#[test]
fn the_quick_start_is_the_example() {
    let example = fs::read_to_string(root().join("examples/quickstart.rs")).unwrap();
    let code = &example[example.find("use axum").unwrap()..];
    assert!(readme().contains(code));
}

/// All Rust files below a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                sources(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn each_guarantee_names_tests_that_there_are() {
    let mut files = Vec::new();
    sources(&root().join("tests"), &mut files).unwrap();
    let tests: String = files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();

    let readme = readme();
    let (_, guarantees) = readme.split_once("## Guarantees").unwrap();
    let (guarantees, _) = guarantees.split_once("\n## ").unwrap();
    let rows: Vec<_> = guarantees
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| |"))
        .collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let (_, named) = row.trim_end_matches('|').rsplit_once('|').unwrap();
        let named: Vec<_> = named.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test shows: {row}");
        for test in named {
            assert!(tests.contains(&format!("fn {test}(")), "no test {test}");
        }
    }
}

#[tokio::test]
async fn what_explain_prints_is_what_it_prints() {
    let rule = "examples/rule.yaml";
    let flags = ["--rules", rule, "--host", "user", "--direction", "inbound"];
    let said = text(&output("explain", &flags).await.stdout);
    let readme = readme();
    let (_, shown) = readme.split_once("--direction inbound\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert!(said.starts_with(shown), "{said}");
}
