//! [`RetryPolicy`]: the decision.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response, Version};
use http_body::Body;
use tower::retry::Policy;

use super::back_off::{BackOff, Bounds};
use super::{NotRetried, RetryOn, RetryRecord};
use crate::outbound::pool::RetrySlot;
use crate::outbound::{Client, Error};

/// Decides on retries of the requests that a [`Client`] sends. See the [module](super).
///
/// A clone has the same settings and counts into the same [`stats`](Self::stats); `tower::retry`
/// makes one for each request.
pub struct RetryPolicy<B: Send + 'static> {
    client: Client<B>,
    on: RetryOn,
    retries: u32,
    bounds: Bounds,
    again: fn(&B) -> Option<B>,
    counts: Arc<Counts>,
    /// How many retries this request has had.
    done: u32,
    /// Of the retry that is under way.
    slot: Option<RetrySlot>,
}

/// What policies have counted that pools do not. Each is named as Envoy's counter is, without
/// `upstream_rq_retry_`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryStats {
    /// Retries with an outcome that was not worth another one.
    pub success: u64,
    /// Requests that were not retried again since they had had
    /// [as many retries](RetryPolicy::retries) as they may have.
    pub limit_exceeded: u64,
}

#[derive(Debug, Default)]
struct Counts {
    success: AtomicU64,
    limit_exceeded: AtomicU64,
}

impl<B: Send + 'static> RetryPolicy<B> {
    /// A policy for what this client sends, with bodies of which a clone is one from the
    /// beginning. Its retries draw on the client's pools.
    pub fn new(client: &Client<B>) -> Self
    where
        B: Clone,
    {
        Self::with(client, |body| Some(body.clone()))
    }

    /// A policy for what this client sends. `again` makes a body from the beginning again, or
    /// `None` if that is not possible: such a request is not retried. It is called before a
    /// request is sent, to keep one for later, and again for each retry.
    pub fn with(client: &Client<B>, again: fn(&B) -> Option<B>) -> Self {
        Self {
            client: client.clone(),
            on: RetryOn::default(),
            retries: 1,
            bounds: Bounds::DEFAULT,
            again,
            counts: Arc::default(),
            done: 0,
            slot: None,
        }
    }

    /// Which outcomes are retried. Default: what cannot have reached the server. Envoy: `retry_on`.
    #[must_use]
    pub fn on(mut self, on: RetryOn) -> Self {
        self.on = on;
        self
    }

    /// How many retries one request may have, one after the other. Default: 1. Envoy:
    /// `num_retries`.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long a retry waits before it becomes a request: at random, less than `first`, the next
    /// one less than twice that, and so on up to `most`. Default: 25 and 250 milliseconds. Envoy:
    /// `retry_back_off`.
    #[must_use]
    pub fn back_off(mut self, first: Duration, most: Duration) -> Self {
        self.bounds = Bounds::new(first, most);
        self
    }

    /// What this policy and its clones have counted.
    pub fn stats(&self) -> RetryStats {
        RetryStats {
            success: self.counts.success.load(Ordering::Relaxed),
            limit_exceeded: self.counts.limit_exceeded.load(Ordering::Relaxed),
        }
    }

    /// Whether to retry a request whose outcome is worth it, with so many that count besides. If
    /// so, it has a slot.
    fn decide(&mut self, request: &Request<B>, besides: u32) -> Result<(), NotRetried> {
        if self.done == self.retries {
            self.counts.limit_exceeded.fetch_add(1, Ordering::Relaxed);
            return Err(NotRetried::LimitExceeded);
        }
        self.done += 1;
        let slot = self.client.retry(request.uri(), besides);
        self.slot = Some(slot.map_err(|_| NotRetried::Overflow)?);
        Ok(())
    }
}

/// Whether an attempt has ended, and Envoy would not have ended it yet.
fn is_over_early<R: Body>(result: &Result<Response<R>, Error>) -> bool {
    match result {
        Ok(response) => response.version() < Version::HTTP_2 && response.body().is_end_stream(),
        Err(error) => error.is_of_http1(),
    }
}

impl<B, R> Policy<Request<B>, Response<R>, Error> for RetryPolicy<B>
where
    B: Send + 'static,
    R: Body,
{
    type Future = BackOff;

    fn retry(
        &mut self,
        request: &mut Request<B>,
        result: &mut Result<Response<R>, Error>,
    ) -> Option<BackOff> {
        let is_worth_it = self.on.holds(result);
        // The retry that this is the outcome of is over, before there is another.
        let was_retry = self.slot.take().is_some();
        if !is_worth_it {
            if was_retry {
                self.counts.success.fetch_add(1, Ordering::Relaxed);
            }
            return None;
        }
        // More of it may have been read than is kept, since it was cloned.
        (self.again)(request.body())?;
        let decided = self.decide(request, is_over_early(result).into());
        if let Some(record) = request.extensions().get::<RetryRecord>() {
            match decided {
                Ok(()) => record.add_retry(),
                Err(why) => record.set_not_retried(why),
            }
        }
        decided.ok()?;
        Some(BackOff::new(self.bounds.draw(self.done - 1)))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        let body = (self.again)(request.body())?;
        let mut again = Request::new(body);
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.version_mut() = request.version();
        *again.headers_mut() = request.headers().clone();
        *again.extensions_mut() = request.extensions().clone();
        Some(again)
    }
}

/// The clone is for another request: it has had no retry.
impl<B: Send + 'static> Clone for RetryPolicy<B> {
    fn clone(&self) -> Self {
        Self {
            client: self.client.clone(),
            on: self.on,
            retries: self.retries,
            bounds: self.bounds,
            again: self.again,
            counts: self.counts.clone(),
            done: 0,
            slot: None,
        }
    }
}

impl<B: Send + 'static> fmt::Debug for RetryPolicy<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("on", &self.on)
            .field("retries", &self.retries)
            .field("back_off", &self.bounds)
            .finish_non_exhaustive()
    }
}
