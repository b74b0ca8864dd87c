//! The clients. Each has a connection of its own to the proxy, for one request.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::log::{Event, Log};

/// Seen by a client whose connection ended without a response.
pub(crate) const NO_RESPONSE: u16 = 0;

/// What a client sends.
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) prefix: String,
    pub(crate) headers: BTreeMap<String, String>,
}

impl Message {
    pub(crate) fn request(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::builder()
            .method(&*self.method)
            .uri(format!("{}/{}", self.prefix, self.id))
            .header("host", "up");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Empty::new()).unwrap()
    }
}

/// A client that waits for its response.
pub(crate) struct Client {
    leave: oneshot::Sender<Leave>,
}

enum Leave {
    Fin,
    Rst,
}

impl Client {
    /// Connects and sends, so that who comes later is later; the rest is in the log.
    pub(crate) async fn send(proxy: SocketAddr, message: Message, log: &Log) -> Self {
        let socket = TcpStream::connect(proxy).await.unwrap();
        let (leave, leaving) = oneshot::channel();
        let (written, is_written) = oneshot::channel();
        log.add(Event::Sent);
        tokio::spawn(exchange(socket, message, log.clone(), written, leaving));
        is_written.await.unwrap();
        Self { leave }
    }

    /// Goes away, if it has no response yet.
    pub(crate) fn leave(self, rst: bool) {
        let how = if rst { Leave::Rst } else { Leave::Fin };
        let _ = self.leave.send(how);
    }
}

async fn exchange(
    socket: TcpStream,
    message: Message,
    log: Log,
    written: oneshot::Sender<()>,
    leaving: oneshot::Receiver<Leave>,
) {
    let (mut sender, mut connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
    let request = message.request();
    let response = async {
        let Ok(response) = sender.send_request(request).await else {
            return NO_RESPONSE;
        };
        whole(response)
            .await
            .map_or(NO_RESPONSE, |head| head.status)
    };
    tokio::pin!(response);
    let mut written = Some(written);
    let polled = poll_fn(|cx| {
        let polled = connection.poll_without_shutdown(cx);
        // The request has been given to it before.
        if let Some(written) = written.take() {
            let _ = written.send(());
        }
        polled
    });
    tokio::select! {
        biased;
        status = &mut response => log.add(Event::Answered(message.id, status)),
        _ = polled => {
            // What there was of a response is on its way; without its connection nothing follows.
            drop(connection);
            log.add(Event::Answered(message.id, response.await));
        }
        Ok(how) = leaving => {
            let socket = connection.into_parts().io.into_inner();
            if let Leave::Rst = how {
                socket.set_zero_linger().unwrap();
            }
            drop(socket);
            log.add(Event::Left(message.id));
        }
    }
}

/// A response that has been read to its end.
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) body: String,
}

pub(crate) async fn whole(response: Response<hyper::body::Incoming>) -> hyper::Result<Whole> {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Whole { status, body })
}
