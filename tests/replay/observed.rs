//! The parts of `observations.json` that are compared.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::rule::Settings;

#[derive(Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) settings: Settings,
    pub(crate) steps: Vec<Step>,
    pub(crate) outcome: BTreeMap<String, Outcome>,
    pub(crate) served_order: Vec<String>,
}

/// What Envoy spoke to the service.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    H1,
    H2,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    #[serde(rename = "do")]
    pub(crate) action: Action,
    /// Request, connection, and how many requests that had carried.
    #[serde(default)]
    pub(crate) attached: Vec<(String, u32, u32)>,
    #[serde(default)]
    pub(crate) responses: Vec<(String, u16)>,
    /// Requests that the service saw end early.
    #[serde(default)]
    pub(crate) aborted: Vec<(String, String)>,
    pub(crate) active: u32,
    pub(crate) pending: u32,
    #[serde(default)]
    pub(crate) delta: BTreeMap<String, i64>,
    pub(crate) flood_result: Option<FloodResult>,
}

impl From<Protocol> for meshpool::istio::Protocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::H1 => Self::Http,
            Protocol::H2 => Self::Http2,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(crate) enum Action {
    Send {
        ids: Vec<String>,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        method: Option<String>,
    },
    /// The service answers.
    Release {
        ids: Vec<String>,
    },
    /// The client goes away.
    Cancel {
        ids: Vec<String>,
    },
    /// A limit is changed in place.
    Runtime {
        set: BTreeMap<String, u32>,
    },
    /// Other settings come from the control plane.
    Set {
        settings: Settings,
    },
    Flood {
        clients: u32,
        ms: u64,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) outcome: String,
    pub(crate) status: Option<u16>,
    pub(crate) queued: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FloodResult {
    pub(crate) statuses: BTreeMap<String, u32>,
}
