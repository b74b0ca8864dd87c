//! The guide's clients: each asks one URL for the user again and again, on a connection of its
//! own, logs what it gets, and counts.

mod answer;
mod connection;
mod tally;
mod target;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

pub(crate) use self::answer::Answer;
use self::connection::Connection;
pub(crate) use self::tally::{Summary, Tally, readable};
pub(crate) use self::target::Target;

/// How long a client rests after a failure. A refusal takes microseconds; without a rest the log
/// would hold nothing else.
const REST: Duration = Duration::from_millis(10);

/// Clients that ask at the same time. They keep their connections from one run to the next.
#[derive(Debug)]
pub(crate) struct Flood {
    clients: Vec<Client>,
}

/// Who asks, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) clients: NonZeroUsize,
    /// HTTP/2 by prior knowledge.
    pub(crate) http2: bool,
    /// Print each answer as it arrives.
    pub(crate) log: bool,
}

#[derive(Debug)]
struct Client {
    number: usize,
    log: bool,
    connection: Connection,
}

impl Flood {
    pub(crate) fn new(target: Target, plan: &Plan) -> Self {
        let target = Arc::new(target);
        let client = |number| Client {
            number,
            log: plan.log,
            connection: Connection::new(Arc::clone(&target), plan.http2),
        };
        Self {
            clients: (1..=plan.clients.get()).map(client).collect(),
        }
    }

    /// Lets all ask for so long, and each of them once at least; what they began by then they
    /// finish.
    pub(crate) async fn run(&mut self, time: Duration) -> Tally {
        let end = Instant::now() + time;
        let mut running: JoinSet<_> = self
            .clients
            .drain(..)
            .map(|mut client| async move { (client.run(end).await, client) })
            .collect();
        let mut all = Tally::default();
        while let Some(finished) = running.join_next().await {
            let (tally, client) = finished.expect("a client does not panic");
            all.merge(tally);
            self.clients.push(client);
        }
        all
    }
}

/// A number of seconds on the command line.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds")?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    match Instant::now().checked_add(time) {
        Some(_) => Ok(time),
        None => Err("longer than the system's clock can count".to_owned()),
    }
}

impl Client {
    async fn run(&mut self, end: Instant) -> Tally {
        let mut tally = Tally::default();
        loop {
            let asked = Instant::now();
            let answer = Answer::of(self.connection.get().await);
            tally.add(&answer, asked.elapsed());
            if self.log {
                // Whoever reads the log may leave.
                let _ = writeln!(io::stdout(), "client-{:02}  {answer}", self.number);
            }
            if !matches!(answer, Answer::User(_)) {
                sleep(REST).await;
            }
            if Instant::now() >= end {
                return tally;
            }
        }
    }
}
