//! Why a watch has to begin again.

use std::error::Error;

use kube::runtime::watcher;

use crate::istio::problem::shorten;

/// What a watch ended with.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server does not know the version, or the kind.
    NotServed,
    /// Anything else, in words.
    Other(String),
}

impl From<watcher::Error> for Failure {
    fn from(error: watcher::Error) -> Self {
        let (doing, cause) = match error {
            watcher::Error::InitialListFailed(error) => ("cannot be listed", error),
            watcher::Error::WatchStartFailed(error) => ("cannot be watched", error),
            watcher::Error::WatchFailed(error) => ("the watch failed", error),
            watcher::Error::WatchError(status) => ("the watch failed", kube::Error::Api(status)),
            watcher::Error::NoResourceVersion => {
                return Self::Other("the answer has no metadata.resourceVersion".to_owned());
            }
        };
        match cause {
            kube::Error::Api(status) if status.code == 404 => Self::NotServed,
            kube::Error::Api(status) => Self::Other(format!(
                "{doing}: {} {}: {}",
                status.code,
                shorten(&status.reason),
                shorten(&status.message)
            )),
            error => Self::Other(format!("{doing}: {}", chain(&error))),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Other(error.to_string())
    }
}

/// An error with what it came from, unless it says so itself.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text.chars().filter(|c| !c.is_control()).take(400).collect()
}
