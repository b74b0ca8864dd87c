//! What is done in a step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::Settings;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Action {
    /// Clients send a request each, on a connection each. One after the other, each when the
    /// proxy has come to rest, unless they send `together`.
    Send {
        ids: Vec<String>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// Before the id in the path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prefix: Option<String>,
        #[serde(default, skip_serializing_if = "is_false")]
        together: bool,
        /// Wait at least so many seconds before looking.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settle: Option<f64>,
    },
    /// The upstream ends its hold on these requests. One that it does not hold is passed over.
    Release {
        ids: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<How>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "is_false")]
        together: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        settle: Option<f64>,
    },
    /// The clients go away; `rst`: by a TCP reset.
    Cancel {
        ids: Vec<String>,
        #[serde(default, skip_serializing_if = "is_false")]
        rst: bool,
    },
    /// Handshakes that are held end: the `n` oldest, or with `open` all, and later ones are not
    /// held.
    Connects {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<Gate>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<Cut>,
    },
    Wait {
        ms: u64,
    },
    /// The control plane has other settings for the cluster, or none any more.
    Set {
        settings: Settings,
        #[serde(default, skip_serializing_if = "is_false")]
        remove: bool,
    },
    /// Limits are changed in place, by Envoy's runtime keys.
    Runtime {
        set: BTreeMap<String, u32>,
    },
    /// The upstream begins to listen.
    Listen,
    /// The upstream says GOAWAY on these connections.
    Goaway {
        conns: Vec<u32>,
    },
    /// The upstream says how many streams it wants at once from now on.
    Settings {
        conns: Vec<u32>,
        max_concurrent_streams: u32,
    },
    /// The upstream ends these connections.
    CloseUpstreamConn {
        conns: Vec<u32>,
        #[serde(default)]
        how: Cut,
    },
    /// Looks at a page of the proxy's admin.
    Admin {
        get: String,
        grep: String,
    },
    /// Clients send, one request after the other, for a while.
    Flood {
        clients: u32,
        ms: u64,
    },
    /// Bursts of requests, each until all in it are answered.
    Rounds {
        rounds: u32,
        burst: u32,
    },
}

/// How the upstream ends its hold on a request.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    #[default]
    Answer,
    /// Answers, and then closes the connection without having said so.
    OkThenClose,
    /// Closes the connection instead.
    Close,
    /// Resets the connection instead.
    Rst,
    /// HTTP/1: closes the connection within the head.
    HalfHead,
    /// HTTP/1: answers with a body that ends with the connection.
    UntilClose,
    /// HTTP/1: says something else than HTTP.
    Garbage,
    /// Resets the stream: REFUSED_STREAM.
    Refused,
    /// Resets the stream: INTERNAL_ERROR.
    ResetStream,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cut {
    #[default]
    Close,
    Rst,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gate {
    Open,
}

fn is_false(value: &bool) -> bool {
    !value
}
