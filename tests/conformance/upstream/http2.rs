//! HTTP/2, by the `h2` crate, and frames of our own where that has no words.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, server};
use http::{Method, Request, Response};

use super::connection::{Command, Connection, Socket};
use super::frames::{Injector, inject};
use super::{BODY, Reply};
use crate::scenario::{By, Cut, How};

/// Whichever proxy it is, as in the data.
const RESET: &str = "stream reset by envoy";

struct Held {
    id: String,
    head: bool,
    stream: SendResponse<Bytes>,
}

/// What comes next.
enum Next {
    Request(Box<Request<h2::RecvStream>>, SendResponse<Bytes>),
    /// The proxy has reset the stream of this one.
    Reset(usize),
    Command(Command),
    Closed,
}

type H2 = server::Connection<super::frames::Injected, Bytes>;

pub(super) async fn serve(mut connection: Connection, socket: Box<dyn Socket>) {
    let (socket, injector) = inject(socket);
    if let Some(streams) = connection.shared.max_concurrent_streams {
        injector.max_concurrent_streams(streams);
    }
    let mut held: Vec<Held> = Vec::new();
    let Ok(mut h2) = server::handshake(socket).await else {
        connection.closed(By::Proxy, []);
        return;
    };
    let mut last = 0;
    loop {
        match poll_fn(|cx| next(cx, &mut connection, &mut h2, &mut held)).await {
            Next::Request(request, stream) => {
                last = stream.stream_id().into();
                let id = connection.attached(request.uri().path());
                let head = request.method() == Method::HEAD;
                held.push(Held { id, head, stream });
            }
            Next::Reset(index) => {
                let reset = held.remove(index);
                connection.aborted(&reset.id, RESET);
            }
            Next::Closed => {
                // What it had reset before may have been read together with the end.
                held.retain_mut(|held| !was_reset(held, &connection));
                connection.closed(By::Proxy, held.iter().map(|held| &held.id));
                return;
            }
            Next::Command(command) => {
                if let Some(cut) = obey(command, &connection, &mut held, &injector, last) {
                    if cut == Cut::Rst {
                        injector.reset_on_drop();
                    }
                    drop(h2);
                    connection.closed(By::Upstream, held.iter().map(|held| &held.id));
                    return;
                }
            }
        }
    }
}

fn next(
    cx: &mut Context<'_>,
    connection: &mut Connection,
    h2: &mut H2,
    held: &mut [Held],
) -> Poll<Next> {
    match connection.commands.poll_recv(cx) {
        Poll::Ready(Some(command)) => return Poll::Ready(Next::Command(command)),
        Poll::Ready(None) => return Poll::Ready(Next::Closed),
        Poll::Pending => {}
    }
    match h2.poll_accept(cx) {
        Poll::Ready(Some(Ok((request, stream)))) => {
            return Poll::Ready(Next::Request(Box::new(request), stream));
        }
        Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Next::Closed),
        Poll::Pending => {}
    }
    for (index, held) in held.iter_mut().enumerate() {
        if held.stream.poll_reset(cx).is_ready() {
            return Poll::Ready(Next::Reset(index));
        }
    }
    Poll::Pending
}

/// Whether a stream of a connection that has ended was reset by itself, which is written down.
fn was_reset(held: &mut Held, connection: &Connection) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let was_reset = matches!(held.stream.poll_reset(&mut cx), Poll::Ready(Ok(_)));
    if was_reset {
        connection.aborted(&held.id, RESET);
    }
    was_reset
}

/// Does as it is told, and says how the connection ends if it does.
fn obey(
    command: Command,
    connection: &Connection,
    held: &mut Vec<Held>,
    injector: &Injector,
    last: u32,
) -> Option<Cut> {
    match command {
        Command::Reply { id, reply } => {
            let index = held.iter().position(|held| held.id == id)?;
            let request = held.remove(index);
            connection.released(&request.id);
            reply_to(request, &reply)
        }
        Command::Cut(cut) => Some(cut),
        Command::Goaway => {
            injector.goaway(last);
            None
        }
        Command::Settings(streams) => {
            injector.max_concurrent_streams(streams);
            None
        }
        // It is past.
        Command::Handshake { .. } => None,
    }
}

fn reply_to(request: Held, reply: &Reply) -> Option<Cut> {
    let Held {
        head, mut stream, ..
    } = request;
    match reply.how {
        How::Close => return Some(Cut::Close),
        How::Rst => return Some(Cut::Rst),
        How::Refused => stream.send_reset(Reason::REFUSED_STREAM),
        How::ResetStream => stream.send_reset(Reason::INTERNAL_ERROR),
        How::Answer => {
            let mut response = Response::builder().status(reply.status);
            for (name, value) in &reply.headers {
                response = response.header(name, value);
            }
            // Whoever has reset the stream in the meantime wants none of it.
            let response = response.body(()).unwrap();
            if let (Ok(mut body), false) = (stream.send_response(response, head), head) {
                let _ = body.send_data(Bytes::from_static(BODY.as_bytes()), true);
            }
        }
        How::OkThenClose | How::HalfHead | How::UntilClose | How::Garbage => {
            panic!("this is for HTTP/1")
        }
    }
    None
}
