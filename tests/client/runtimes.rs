//! A client that several runtimes share, of which one ends.

use std::time::Duration;

use meshpool::Limits;
use meshpool::outbound::ErrorKind;
use tokio::runtime::{Builder, Runtime};

use crate::support::{client, get, nothing_is_left, outcome, spawn, stats, until};
use crate::upstream::Upstream;

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_deadline_is_kept_though_the_runtime_that_set_the_first_has_ended() {
    let (lasting, passing) = (runtime(), runtime());
    let limits = Limits::new().idle_timeout(Duration::from_millis(20));
    let (client, mut upstream) =
        lasting.block_on(async { (client(limits), Upstream::http1().await) });
    let addr = upstream.addr;
    // Its timer, and its connection, are this runtime's.
    let first = {
        let _inside = passing.enter();
        spawn(&client, addr, "/first")
    };
    lasting.block_on(async { upstream.next().await.answer("") });
    passing.block_on(outcome(first)).unwrap();
    passing.shutdown_background();

    lasting.block_on(async {
        until(|| stats(&client, addr).cx_active == 0).await;
        let second = spawn(&client, addr, "/second");
        upstream.next().await.answer("");
        outcome(second).await.unwrap();
        until(|| stats(&client, addr).cx_active == 0).await;
        nothing_is_left(&client).await;
    });
}

#[test]
fn a_connect_that_a_dead_runtime_was_to_run_has_failed() {
    let (lasting, dead) = (runtime(), runtime());
    let (client, upstream) = lasting.block_on(async {
        let client = client(Limits::new());
        (client, Upstream::http1().await)
    });
    let handle = dead.handle().clone();
    drop(dead);
    let response = {
        let _inside = handle.enter();
        get(&client, upstream.addr, "/")
    };
    let error = lasting.block_on(response).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectFailed);
    lasting.block_on(nothing_is_left(&client));
}
