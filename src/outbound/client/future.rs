//! [`ResponseFuture`]: a request from the decision to the head of its response.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{sleep, timeout};

use super::body::{Active, ResponseBody};
use super::head::Head;
use super::upload::{RequestBody, Uploading};
use crate::outbound::connection::Sender;
use crate::outbound::destination::Protocol;
use crate::outbound::error::{BoxError, Error, ErrorKind};
use crate::outbound::pool::{Admitted, Lease, Pending, Pool};

type Answer = Result<Response<ResponseBody>, Error>;

/// Resolves when the head of the response is there.
///
/// # Cancel safety
///
/// Dropped while the request is pending, it leaves the queue, and nothing was sent. Dropped while
/// it is active, an HTTP/1 request takes its connection with it, and an HTTP/2 stream is reset;
/// unless it was never polled with a connection: then nothing was sent, and that goes to the next,
/// with one less of its [requests](crate::Limits::max_requests_per_connection) left.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(State);

enum State {
    /// The request was refused at once.
    Refused(Option<Error>),
    /// hyper's futures have no names.
    Sending(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl ResponseFuture {
    pub(super) fn refused(error: Error) -> Self {
        Self(State::Refused(Some(error)))
    }

    pub(super) fn sending<B>(
        pool: Arc<Pool<RequestBody<B>>>,
        admitted: Admitted<RequestBody<B>>,
        head: Head,
        request: Request<RequestBody<B>>,
    ) -> Self
    where
        B: Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        Self(State::Sending(Box::pin(send(
            pool, admitted, head, request,
        ))))
    }
}

impl Future for ResponseFuture {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.0 {
            State::Refused(error) => {
                let error = error.take().expect("not polled after it was ready");
                Poll::Ready(Err(error))
            }
            State::Sending(answer) => answer.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Not an `async fn`: that would have room for its arguments twice, and a box of more than a KiB
/// costs several times as much as one of less.
fn send<B>(
    pool: Arc<Pool<RequestBody<B>>>,
    admitted: Admitted<RequestBody<B>>,
    head: Head,
    request: Request<RequestBody<B>>,
) -> impl Future<Output = Answer> + Send
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    // If this future is dropped, the rest of the request's body is not sent.
    let upload = request.body().upload();
    let may_be_upgraded = request.method() == Method::CONNECT;
    let mut unsent = Some(request);
    async move {
        let (mut lease, mut sender) = match admitted {
            Admitted::Attached(lease, sender) => (lease, sender),
            Admitted::Pending(pending) => wait(&pool, pending).await?,
        };
        // Below the lease, so that it is dropped before it.
        let mut upload = upload;
        let mut was_handed_back = false;
        loop {
            if let Some(request) = &mut unsent {
                head.put_into(request, sender.protocol(), sender.is_proxied());
                request.body_mut().goes_to(sender.tasks());
            }
            lease.sends();
            let answered = {
                let mut sent = pin!(sender.send(&mut unsent));
                match (sent.as_mut().as_pin_mut(), pool.response_timeout()) {
                    // It was dead already.
                    (None, _) => None,
                    (Some(sent), None) => Some(sent.await),
                    (Some(sent), Some(patience)) => {
                        let overdue = Box::pin(overdue(patience, upload.as_ref()));
                        let answered = before(overdue, sent).await;
                        if answered.is_none() {
                            let error = Error::overdue(pool.destination());
                            return Err(error.on(sender.protocol()));
                        }
                        answered
                    }
                }
            };
            let failed = match answered {
                None => None,
                Some(Ok(response)) => {
                    let active = Active::new(lease, &sender, pool.destination(), upload.take());
                    return Ok(receive(response, active, may_be_upgraded));
                }
                Some(Err(mut error)) => {
                    unsent = error.take_message();
                    Some(error.into_error())
                }
            };
            if unsent.is_none() || was_handed_back {
                let active = Active::new(lease, &sender, pool.destination(), upload.take());
                let error = active.fail(failed);
                return Err(match unsent {
                    Some(_) => error.which_never_left(),
                    None if sender.broke_off() => error.within_the_head(),
                    None => error,
                });
            }
            was_handed_back = true;
            (lease, sender) = wait(&pool, pool.hand_back(lease)).await?;
        }
    }
}

type Attached<B> = (Lease, Arc<Sender<RequestBody<B>>>);

/// Waits for a connection, as long as that may take.
async fn wait<B: Send + 'static>(
    pool: &Pool<RequestBody<B>>,
    pending: Pending<RequestBody<B>>,
) -> Result<Attached<B>, Error> {
    match pool.pending_timeout() {
        None => pending.await,
        Some(patience) => match Box::pin(timeout(patience, pending)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::before(ErrorKind::PendingTimeout, pool.destination())),
        },
    }
}

/// Comes when an answer has taken too long, to a request whose body is all there.
async fn overdue(patience: Duration, upload: Option<&Uploading>) {
    if let Some(upload) = upload {
        upload.read().await;
    }
    sleep(patience).await;
}

/// What the second comes to, unless the first has come before.
async fn before<O>(
    mut deadline: impl Future + Unpin,
    mut future: impl Future<Output = O> + Unpin,
) -> Option<O> {
    poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Pin::new(&mut deadline).poll(cx).map(|_| None),
    })
    .await
}

fn receive(
    response: Response<Incoming>,
    mut active: Active,
    was_connect: bool,
) -> Response<ResponseBody> {
    let status = response.status();
    let is_http1 = active.protocol == Protocol::Http1;
    let is_upgrade = match is_http1 {
        true => status == StatusCode::SWITCHING_PROTOCOLS || (was_connect && status.is_success()),
        // To hyper another success has a body.
        false => was_connect && status == StatusCode::OK,
    };
    if is_upgrade {
        let active = match is_http1 {
            true => {
                active.lease.upgrade();
                None
            }
            false => Some(active),
        };
        return response.map(|body| ResponseBody::upgraded(body, active));
    }
    active.closes = is_http1 && closes(response.version(), response.headers());
    response.map(|body| ResponseBody::new(body, active))
}

/// Whether the server closes its connection after a response with this head.
fn closes(version: Version, headers: &HeaderMap) -> bool {
    let has = |option: &str| {
        let values = headers.get_all(CONNECTION).into_iter();
        let mut options = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        options.any(|it| it.trim().eq_ignore_ascii_case(option))
    };
    match version {
        Version::HTTP_09 => true,
        Version::HTTP_10 => !has("keep-alive"),
        _ => has("close"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_head_says_of_its_connection() {
        for (version, connection, expected) in [
            (Version::HTTP_11, "", false),
            (Version::HTTP_11, "keep-alive", false),
            (Version::HTTP_11, "close", true),
            (Version::HTTP_11, "x-hop, Close", true),
            (Version::HTTP_11, "closely", false),
            (Version::HTTP_10, "", true),
            (Version::HTTP_10, "Keep-Alive", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONNECTION, connection.parse().unwrap());
            assert_eq!(
                closes(version, &headers),
                expected,
                "{version:?} {connection}"
            );
        }
    }
}
