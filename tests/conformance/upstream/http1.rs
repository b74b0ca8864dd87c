//! HTTP/1.1, by hand, so that it can be as rude as a scenario asks.

use std::fmt::Write;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connection::{Command, Connection, Socket};
use super::{BODY, Reply};
use crate::scenario::{By, Cut, How};

/// The request that is held.
struct Held {
    id: String,
    head: bool,
}

pub(super) async fn serve(mut connection: Connection, mut socket: Box<dyn Socket>) {
    let mut buffer = BytesMut::new();
    let mut held: Option<Held> = None;
    loop {
        tokio::select! {
            read = socket.read_buf(&mut buffer) => {
                if !matches!(read, Ok(read) if read > 0) {
                    connection.closed(By::Proxy, held.iter().map(|held| &held.id));
                    return;
                }
                while let Some((head, path)) = request(&mut buffer) {
                    assert!(held.is_none(), "a request came before the last was answered");
                    let id = connection.attached(&path);
                    held = Some(Held { id, head });
                }
            }
            command = connection.commands.recv() => {
                let cut = match command {
                    Some(Command::Reply { id, reply }) => {
                        // Another may be here by now.
                        let Some(request) = held.take_if(|held| held.id == id) else {
                            continue;
                        };
                        connection.released(&request.id);
                        reply_to(&request, &reply, &mut socket).await
                    }
                    Some(Command::Cut(cut)) => Some(cut),
                    // What concerns a handshake is past, and the rest is HTTP/2's.
                    Some(_) => None,
                    None => return,
                };
                if let Some(cut) = cut {
                    if cut == Cut::Rst {
                        socket.reset_on_drop();
                    }
                    connection.closed(By::Upstream, held.iter().map(|held| &held.id));
                    return;
                }
            }
        }
    }
}

/// Takes a request, which has no body, off the buffer: whether it is HEAD, and its path.
fn request(buffer: &mut BytesMut) -> Option<(bool, String)> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&buffer[..end]).unwrap();
    let mut line = head.lines().next().unwrap().split(' ');
    let method = line.next().unwrap() == "HEAD";
    let path = line.next().unwrap().to_owned();
    buffer.advance(end + 4);
    Some((method, path))
}

/// Answers, and says how the connection ends if it does.
async fn reply_to(request: &Held, reply: &Reply, socket: &mut Box<dyn Socket>) -> Option<Cut> {
    let (text, cut) = match reply.how {
        How::Close => return Some(Cut::Close),
        How::Rst => return Some(Cut::Rst),
        How::Answer => (answer(request, reply), None),
        How::OkThenClose => (answer(request, reply), Some(Cut::Close)),
        How::HalfHead => ("HTTP/1.1 200 O".to_owned(), Some(Cut::Close)),
        How::UntilClose => {
            let text = format!("HTTP/1.1 200 OK\r\n\r\n{BODY}");
            (text, Some(Cut::Close))
        }
        How::Garbage => ("Kevin?\r\n\r\n".to_owned(), None),
        How::Refused | How::ResetStream => panic!("HTTP/1 has no streams to reset"),
    };
    if let How::OkThenClose = reply.how {
        // Nobody could know of a close that is yet to come.
        socket.send_with_end();
    }
    // Whoever has gone is met with at the next read.
    let _ = socket.write_all(text.as_bytes()).await;
    let _ = socket.flush().await;
    if let How::UntilClose = reply.how {
        // TLS has a word for it.
        let _ = socket.shutdown().await;
    }
    cut
}

fn answer(request: &Held, reply: &Reply) -> String {
    let (status, length) = (reply.status, BODY.len());
    let mut text = format!("HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\n");
    for (name, value) in &reply.headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text.push_str("\r\n");
    if !request.head {
        text.push_str(BODY);
    }
    text
}
