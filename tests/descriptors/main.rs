//! File descriptors: none left, and none leaked. They are the process's, so these tests are a
//! process of their own, and run one at a time.
#![cfg(target_os = "linux")]

#[path = "../client/chosen.rs"]
mod chosen;
mod client;
#[path = "../client/link.rs"]
mod link;
mod server;

use std::sync::{Mutex, PoisonError};

use tokio::runtime::Builder;

/// Runs a test on a runtime of its own, which is gone before the next test.
fn alone(test: impl Future<Output = ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(test);
}
