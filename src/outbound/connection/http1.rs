//! An HTTP/1 connection's task.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http_body::Body;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use tokio::time::sleep;

use super::{Control, Order, Owner, Sender, say_goodbye};
use crate::outbound::destination::{ConnectionKey, Protocol};
use crate::outbound::error::BoxError;

/// How long what is left of a request may take when its response is complete: a server that has
/// answered may never read it. As with an answer before hyper has all of a request, that costs the
/// connection.
const REST: Duration = Duration::from_secs(1);

/// Runs until the connection has closed, or was upgraded.
pub(super) async fn run<T, O, B>(
    io: T,
    is_proxied: bool,
    owner: Arc<O>,
    key: ConnectionKey,
    control: &Arc<Control>,
) -> hyper::Result<()>
where
    T: Read + Write + Send + Unpin + 'static,
    O: Owner<B>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let (sender, connection) = http1::handshake(io).await?;
    let sender = Arc::new(Sender::http1(sender, is_proxied, control.clone()));
    let mut connection = connection.with_upgrades();
    owner
        .clone()
        .connected(key, Protocol::Http1, sender.clone());

    let mut is_awaited = false;
    let mut patience = None;
    let ended = poll_fn(|cx| {
        control.register(cx);
        if control.has(Order::Abort) {
            return Poll::Ready(Some(Ok(())));
        }
        // Taken back before the connection is polled: if it comes again after that, the task is
        // woken again.
        is_awaited |= control.take(Order::MoveOn);
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut connection).poll(cx) {
                return Poll::Ready(Some(ended));
            }
            let has_written = control.take_written();
            if is_awaited {
                is_awaited = !owner.clone().moved_on(key);
            }
            // hyper sees that all is sent before it sends, and not again after that: what has just
            // sent the last of a request would say when it is polled next, and nothing wakes it.
            if !(is_awaited && has_written) {
                break;
            }
        }
        if is_awaited {
            let patience = patience.get_or_insert_with(|| Box::pin(sleep(REST)));
            if patience.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Some(Ok(())));
            }
        } else {
            patience = None;
        }
        match control.has(Order::Close) {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    })
    .await;
    if let Some(ended) = ended {
        return ended;
    }

    sender.close();
    say_goodbye(control, connection).await;
    Ok(())
}
