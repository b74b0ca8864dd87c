//! `quickstart`: the few lines of the README.

use crate::process::Running;

#[tokio::test]
async fn the_quick_start_serves_the_user() {
    let mut quickstart = Running::start("quickstart", &[]);
    let url = quickstart.line().await;
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Kevin");
}
