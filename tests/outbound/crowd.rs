//! The steps in which many clients send at once, and of which only the numbers are compared.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::player::Player;

/// How long the upstream of a flood takes, and how long a client pauses after a refusal.
const LATENCY: Duration = Duration::from_millis(5);
const PAUSE: Duration = Duration::from_millis(2);

/// What a client of a flood does next.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Send,
    Answer,
}

impl Player<'_> {
    /// Each client sends one request after another until the time is over; the statuses there
    /// were.
    pub(crate) fn flood(&mut self, clients: usize, time: Duration) -> Value {
        let end = self.now() + time;
        let mut statuses = BTreeMap::<String, u32>::new();
        let mut next = vec![(self.now(), Next::Send); clients];
        while let Some(client) = (0..clients)
            .filter(|client| next[*client].0 < end || next[*client].1 == Next::Answer)
            .min_by_key(|client| next[*client].0)
        {
            let (at, what) = next[client];
            self.pass_until(at);
            let id = client.to_string();
            if what == Next::Send {
                self.send_one(&id);
            } else {
                self.answer_one(&id);
            }
            // One that pends is answered as long after that as any; nobody compares times here.
            next[client] = match self.status(&id) {
                None => (at + LATENCY, Next::Answer),
                Some(200) => (at, Next::Send),
                Some(_) => (at + PAUSE, Next::Send),
            };
            if let Some(status) = self.status(&id) {
                *statuses.entry(status.to_string()).or_default() += 1;
            }
        }
        self.forget();
        json!(statuses.keys().collect::<Vec<_>>())
    }

    /// Bursts of requests that are all there before a connection is; each answered before the
    /// next. How many ran at once, and how many were served, by how many rounds.
    pub(crate) fn rounds(&mut self, rounds: u32, burst: u32) -> Value {
        let (mut peaks, mut served) = (BTreeMap::new(), BTreeMap::new());
        for _ in 0..rounds {
            let ids: Vec<_> = (0..burst).map(|id| id.to_string()).collect();
            self.send_together(&ids);
            let mut peak = self.machine.stats().rq_active;
            while let Some(id) = ids.iter().find(|id| self.is_attached(id)) {
                self.answer_one(id);
                peak = peak.max(self.machine.stats().rq_active);
            }
            let answers = ids.iter().map(|id| self.status(id).unwrap());
            let ok = answers.filter(|status| *status == 200).count();
            *peaks.entry(peak.to_string()).or_insert(0) += 1;
            *served.entry(ok.to_string()).or_insert(0) += 1;
            self.forget();
        }
        json!({
            "max_concurrent_at_upstream_histogram": peaks,
            "ok_per_round_histogram": served,
        })
    }
}
