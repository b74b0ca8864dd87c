//! What the tests here share: a bound on everything that waits, and a client of raw bytes.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Fails rather than hangs. Nothing here asserts how fast anything is.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(30), future)
        .await
        .expect("it should have come to an end long ago")
}

/// Waits until it is so.
pub(crate) async fn until(mut so: impl FnMut() -> bool) {
    within(async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

pub(crate) async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// An HTTP/1 connection, byte by byte.
pub(crate) struct Raw {
    reader: OwnedReadHalf,
    writer: Option<OwnedWriteHalf>,
    read: Vec<u8>,
}

/// A response as it came over the wire.
#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl RawResponse {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

impl Raw {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let socket = within(TcpStream::connect(addr)).await.unwrap();
        let (reader, writer) = socket.into_split();
        Self {
            reader,
            writer: Some(writer),
            read: Vec::new(),
        }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let writer = self.writer.as_mut().unwrap();
        within(writer.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends on from here in the background, as long as it is taken, and then closes.
    pub(crate) fn keep_sending(&mut self, bytes: Vec<u8>) {
        let mut writer = self.writer.take().unwrap();
        tokio::spawn(async move { writer.write_all(&bytes).await });
    }

    /// Sends a GET and reads its response.
    pub(crate) async fn get(&mut self, path: &str) -> RawResponse {
        self.send(get(path)).await;
        self.response().await
    }

    /// Reads one response with a `content-length`, or chunked.
    pub(crate) async fn response(&mut self) -> RawResponse {
        let head = loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                let rest = self.read.split_off(end + 4);
                break String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
            }
            assert!(self.more().await, "closed within a head");
        };
        let mut response = RawResponse {
            head,
            body: String::new(),
        };
        let body = if response.header("transfer-encoding") == Some("chunked") {
            loop {
                if let Some(end) = find(&self.read, b"0\r\n\r\n") {
                    break end + 5;
                }
                assert!(self.more().await, "closed within a chunked body");
            }
        } else {
            let length = response.header("content-length");
            let length = length.map_or(0, |length| length.parse().unwrap());
            while self.read.len() < length {
                assert!(self.more().await, "closed within a body");
            }
            length
        };
        let rest = self.read.split_off(body);
        response.body = String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
        response
    }

    /// Reads until the server closes, and gives what came.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8(std::mem::take(&mut self.read)).unwrap()
    }

    /// Reads something; `false` at the end, which is to be a proper one.
    async fn more(&mut self) -> bool {
        match within(self.reader.read_buf(&mut self.read)).await {
            Ok(read) => read > 0,
            Err(error) => panic!("the connection was not closed but broken: {error}"),
        }
    }

    /// Whether anything came that was not read yet.
    pub(crate) fn has_heard(&mut self) -> bool {
        let _ = self.reader.try_read_buf(&mut self.read);
        !self.read.is_empty()
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.reader.local_addr().unwrap()
    }
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: user\r\n\r\n")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
