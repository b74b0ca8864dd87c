//! What happened in each phase, and whether it is what the guide says.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::flood::{Summary, readable};

#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) phases: Vec<Phase>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    #[serde(flatten)]
    pub(crate) clients: Summary,
    /// As the witness in the handler saw it.
    pub(crate) peak_active: usize,
    pub(crate) peak_pending: u32,
    pub(crate) connections: usize,
    pub(crate) max_requests_on_a_connection: u64,
}

impl Report {
    /// What is not as it should be.
    pub(crate) fn wrong(&self, latency: Duration) -> Vec<String> {
        self.phases
            .iter()
            .flat_map(|phase| {
                let checks = match phase.name {
                    "rule" => phase.limited(0, latency),
                    "rule_wait" => phase.limited(1, latency),
                    _ => phase.unlimited(),
                };
                checks
                    .into_iter()
                    .filter(|(right, _)| !right)
                    .map(|(_, what)| format!("{}: {what}", phase.name))
            })
            .collect()
    }
}

type Checks = Vec<(bool, String)>;

impl Phase {
    fn unlimited(&self) -> Checks {
        let Summary { sent, ok, .. } = self.clients;
        let users = &self.clients.users;
        vec![
            (sent > 0, "nobody asked".to_owned()),
            (ok == sent, format!("{ok} of {sent} succeeded, not all")),
            (
                users.iter().eq(["Kevin"]),
                format!("the user was {users:?}, not Kevin"),
            ),
        ]
    }

    fn limited(&self, peak_pending: u32, latency: Duration) -> Checks {
        let clients = &self.clients;
        let fast = clients
            .refusal_p50_us
            .is_none_or(|us| Duration::from_micros(us) < latency);
        vec![
            (clients.ok > 0, "nothing succeeded".to_owned()),
            (clients.overflow > 0, "nothing overflowed".to_owned()),
            (
                clients.other == 0,
                format!("{} failed otherwise", clients.other),
            ),
            (
                self.peak_active == 1,
                format!("{} ran at once, not 1", self.peak_active),
            ),
            (
                self.peak_pending == peak_pending,
                format!("{} waited at once, not {peak_pending}", self.peak_pending),
            ),
            (
                self.max_requests_on_a_connection <= 1,
                format!(
                    "{} requests on a connection, not 1",
                    self.max_requests_on_a_connection
                ),
            ),
            (fast, "refusals took as long as answers".to_owned()),
        ]
    }
}

/// The table: a column for each phase.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        type Cell = fn(&Phase) -> String;
        let rows: [(&str, Cell); 13] = [
            ("", |phase| phase.name.to_owned()),
            ("sent", |phase| phase.clients.sent.to_string()),
            ("succeeded", |phase| phase.clients.ok.to_string()),
            ("overflowed", |phase| phase.clients.overflow.to_string()),
            ("other failures", |phase| phase.clients.other.to_string()),
            ("peak active", |phase| phase.peak_active.to_string()),
            ("peak waiting", |phase| phase.peak_pending.to_string()),
            ("p50 of successes", |phase| readable(phase.clients.p50_us)),
            ("p99 of successes", |phase| readable(phase.clients.p99_us)),
            ("p50 of refusals", |phase| {
                readable(phase.clients.refusal_p50_us)
            }),
            ("p99 of refusals", |phase| {
                readable(phase.clients.refusal_p99_us)
            }),
            ("connections used", |phase| phase.connections.to_string()),
            ("most requests on one", |phase| {
                phase.max_requests_on_a_connection.to_string()
            }),
        ];
        for (name, cell) in rows {
            write!(f, "{name:<22}")?;
            for phase in &self.phases {
                write!(f, "{:>13}", cell(phase))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
