//! [`Caller`]: sends one request after another, and does not wait for each.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use http::Request;
use http_body_util::{BodyExt, Full};
use meshpool::outbound::retry::{RetryOn, RetryPolicy};
use meshpool::outbound::{Error, ErrorKind};
use tokio::time::sleep;
use tower::ServiceExt;
use tower::retry::Retry;

use super::Pool;
use super::random::Random;

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Answered,
    /// Before the head of a response.
    Failed,
    /// Within a response's body.
    FailedMidway,
    Refused,
    /// Its caller left before there was a response.
    Left,
    /// And before the body had ended.
    LeftMidway,
}

impl Outcome {
    pub(super) const ALL: [Self; 6] = [
        Self::Answered,
        Self::Failed,
        Self::FailedMidway,
        Self::Refused,
        Self::Left,
        Self::LeftMidway,
    ];
}

pub(super) struct Caller {
    client: Pool,
    policy: RetryPolicy<Full<Bytes>>,
    addrs: Vec<SocketAddr>,
    random: Random,
}

impl Caller {
    pub(super) fn new(client: &Pool, addrs: &[SocketAddr], random: Random) -> Self {
        let policy = RetryPolicy::new(client)
            .on(RetryOn::SERVER_ERROR)
            .retries(2)
            .back_off(Duration::from_micros(100), Duration::from_millis(1));
        Self {
            client: client.clone(),
            policy,
            addrs: addrs.to_vec(),
            random,
        }
    }

    pub(super) async fn send(mut self, requests: usize) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for _ in 0..requests {
            outcomes.push(self.send_one().await);
        }
        outcomes
    }

    async fn send_one(&mut self) -> Outcome {
        let random = &mut self.random;
        let addr = self.addrs[random.below(self.addrs.len() as u64) as usize];
        let size = match random.one_in(3) {
            true => random.below(1 << 17) as usize,
            false => 0,
        };
        let request = Request::post(format!("http://{addr}/"))
            .body(Full::from(vec![b'x'; size]))
            .unwrap();
        let client = self.client.clone();
        let response = match random.one_in(3) {
            true => Either::Left(Retry::new(self.policy.clone(), client).oneshot(request)),
            false => Either::Right(client.oneshot(request)),
        };
        if random.one_in(20) {
            return Outcome::Left;
        }
        let patience = match random.one_in(5) {
            true => Duration::from_micros(random.below(3000)),
            false => Duration::from_secs(60),
        };
        let response = match select(pin!(response), pin!(sleep(patience))).await {
            Either::Left((Ok(response), _)) => response,
            Either::Left((Err(error), _)) => return failed(&error, Outcome::Failed),
            Either::Right(_) => return Outcome::Left,
        };
        let mut body = response.into_body();
        let reads = random.below(6);
        for _ in 0..reads {
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return failed(&error, Outcome::FailedMidway),
                None => return Outcome::Answered,
            }
        }
        Outcome::LeftMidway
    }
}

/// Whatever it was, it says where it was to go.
fn failed(error: &Error, otherwise: Outcome) -> Outcome {
    assert!(error.destination().is_some());
    match error.kind() {
        ErrorKind::Overflow(_) => {
            assert!(!error.may_have_reached_server());
            Outcome::Refused
        }
        ErrorKind::InvalidRequest | ErrorKind::RequestBody => panic!("{error:?}"),
        _ => otherwise,
    }
}
