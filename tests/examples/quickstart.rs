//! `quickstart`, and the README that shows it.

use std::fs;

use crate::process::Running;

#[tokio::test]
async fn the_quick_start_serves_the_user() {
    let mut quickstart = Running::start("quickstart", &[]);
    let url = quickstart.line().await;
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Kevin");
}

#[test]
fn the_readme_shows_the_quick_start_as_it_is() {
    let read = |path| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let example = read("examples/quickstart.rs");
    let code = &example[example.find("use axum").unwrap()..];
    assert!(read("README.md").contains(code));
}
