//! `tls`: HTTPS by a listener of one's own.

use crate::process::{output, text};

#[tokio::test]
async fn the_tls_example_serves_itself() {
    let output = output("tls", &[]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let lines: Vec<_> = printed.lines().collect();
    assert!(lines[0].starts_with("listening on 127.0.0.1:"), "{printed}");
    assert_eq!(lines[1..], ["Kevin"]);
}
