//! An HTTP/2 connection's task.
//!
//! hyper runs an HTTP/2 client connection as two futures: one moves the frames, and goes to the
//! executor; the other takes the requests, and is what a handshake returns. This task polls both.
//! That way it hears of a GOAWAY at once, of which the frames' future knows and which ends the
//! requests' one; sees each change of the peer's settings; and has the socket in its hands. It
//! also polls what hyper gives the executor for each request.

use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http_body::Body;
use hyper::client::conn::http2;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioTimer;

use super::tasks::{Running, Tasks, unbudgeted};
use super::{Control, Order, Owner, Sender, say_goodbye, unless_aborted};
use crate::limits::Limits;
use crate::outbound::destination::{ConnectionKey, Protocol};
use crate::outbound::error::BoxError;

/// How many streams are opened before the peer has said how many it takes; those beyond wait
/// within h2. It is hyper's own choice but for being a number that no peer would think of: its
/// first settings are to be a change even if they say the usual 100.
const STREAMS_BEFORE_SETTINGS: usize = 97;

/// PINGs that find out whether the peer is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeepAlive {
    pub(crate) interval: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) while_idle: bool,
}

impl KeepAlive {
    /// That of the limits, if they have one, or else this. Limits mean idle connections, too, as
    /// Envoy does.
    pub(crate) fn or_of(self, limits: &Limits) -> Self {
        match limits.http2_keep_alive_interval {
            None => self,
            interval => Self {
                interval,
                timeout: limits.http2_keep_alive_timeout,
                while_idle: true,
            },
        }
    }
}

/// Runs until the connection has closed.
pub(super) async fn run<T, O, B>(
    io: T,
    keep_alive: KeepAlive,
    owner: Arc<O>,
    key: ConnectionKey,
    control: &Arc<Control>,
) -> hyper::Result<()>
where
    T: Read + Write + Send + Unpin + 'static,
    O: Owner<B>,
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let tasks = Tasks::default();
    let mut builder = http2::Builder::new(tasks.clone());
    builder
        .timer(TokioTimer::new())
        .initial_max_send_streams(STREAMS_BEFORE_SETTINGS)
        .keep_alive_interval(keep_alive.interval)
        .keep_alive_while_idle(keep_alive.while_idle);
    if let Some(timeout) = keep_alive.timeout {
        builder.keep_alive_timeout(timeout);
    }
    let Some(shaken) = unless_aborted(control, builder.handshake(io)).await else {
        return Ok(());
    };
    let (sender, requests) = shaken?;
    let Some(mut frames) = tasks.take_first() else {
        unreachable!("hyper's handshake gives the frames' future to the executor");
    };
    let sender = Arc::new(Sender::http2(sender, control.clone(), tasks.clone()));
    owner
        .clone()
        .connected(key, Protocol::Http2, sender.clone());

    let mut max_streams = requests.current_max_send_streams();
    let mut requests = Some(requests);
    let mut running = Running::new(tasks);
    let ended = poll_fn(|cx| {
        control.register(cx);
        if control.has(Order::Abort) {
            return Poll::Ready(true);
        }
        // A stream that is given up is reset, and that sent, before another is opened in its place.
        running.poll(cx);
        if frames.as_mut().poll(cx).is_ready() {
            // Without a stream it ends as soon as the peer says GOAWAY.
            let ended = requests.take().map(|it| pin!(it).poll(cx));
            if matches!(ended, Some(Poll::Ready(ended)) if is_going_away(&ended)) {
                owner.clone().go_away(key);
            }
            return Poll::Ready(true);
        }
        if let Some(taking) = &mut requests {
            let polled = unbudgeted(cx, |cx| Pin::new(&mut *taking).poll(cx));
            if let Poll::Ready(ended) = polled {
                requests = None;
                if !is_going_away(&ended) {
                    // What is left is to tell the peer why, and that may never read it.
                    return Poll::Ready(true);
                }
                // Its streams go on; the frames' future ends with the last.
                owner.clone().go_away(key);
            } else if taking.current_max_send_streams() != max_streams {
                max_streams = taking.current_max_send_streams();
                let max_streams = u32::try_from(max_streams).unwrap_or(u32::MAX);
                owner.clone().settings(key, max_streams);
            }
        }
        running.poll(cx);
        match control.has(Order::Close) {
            true => Poll::Ready(false),
            false => Poll::Pending,
        }
    })
    .await;
    drop(requests);
    if !ended {
        sender.close();
        let going = poll_fn(|cx| {
            // A request that was given up this moment is not off the connection yet.
            running.poll(cx);
            frames.as_mut().poll(cx)
        });
        say_goodbye(control, going).await;
    }
    drop(frames);
    running.end().await;
    Ok(())
}

/// Whether a connection takes no more requests since the peer said GOAWAY.
fn is_going_away(ended: &hyper::Result<()>) -> bool {
    match ended {
        Ok(()) => true,
        // That it is lost is an error, and no GOAWAY; and so is one of this side's own.
        Err(error) => error
            .source()
            .and_then(|source| source.downcast_ref::<h2::Error>())
            .is_some_and(|error| error.is_go_away() && error.is_remote()),
    }
}
