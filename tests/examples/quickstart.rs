//! `quickstart`: the few lines of the README.

use crate::process::{Running, get, within};

#[tokio::test]
async fn the_quick_start_serves_the_user() {
    let mut quickstart = Running::start("quickstart", &[]);
    let url = quickstart.line().await;
    let answer = within(get(url)).await.unwrap();
    assert_eq!(within(answer.text()).await.unwrap(), "Kevin");
}
