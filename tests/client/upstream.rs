//! Upstreams: one on hyper that hands each request to the test, and one that speaks HTTP/2 frame
//! by frame.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::support::{until, within};

pub(crate) type Body = BoxBody<Bytes, Infallible>;

pub(crate) async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Accepts everything, counts its sockets, and answers nothing by itself.
pub(crate) struct Upstream {
    pub(crate) addr: SocketAddr,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    sockets: Arc<Sockets>,
}

#[derive(Default)]
struct Sockets {
    open: AtomicUsize,
    most: AtomicUsize,
    total: AtomicUsize,
}

/// A request that has come, and waits for its answer.
pub(crate) struct Arrival {
    /// On which connection, in the order of their being accepted.
    pub(crate) connection: usize,
    /// The how-manieth of that connection it is, from 1.
    pub(crate) nth: usize,
    pub(crate) request: Request<Incoming>,
    answer: oneshot::Sender<Response<Body>>,
}

impl Upstream {
    pub(crate) async fn http1() -> Self {
        Self::start(false).await
    }

    pub(crate) async fn http2() -> Self {
        Self::start(true).await
    }

    /// By prior knowledge, if it is HTTP/2.
    pub(crate) async fn start(is_http2: bool) -> Self {
        let (listener, addr) = bind().await;
        let (sender, arrivals) = mpsc::unbounded_channel();
        let sockets = Arc::new(Sockets::default());
        let counts = sockets.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let connection = counts.total.fetch_add(1, Ordering::SeqCst);
                let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
                counts.most.fetch_max(open, Ordering::SeqCst);
                let (counts, sender) = (counts.clone(), sender.clone());
                tokio::spawn(async move {
                    serve(socket, is_http2, connection, sender).await;
                    counts.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self {
            addr,
            arrivals,
            sockets,
        }
    }

    pub(crate) async fn next(&mut self) -> Arrival {
        within(self.arrivals.recv()).await.expect("it accepts")
    }

    /// The next request, however long that takes.
    pub(crate) async fn next_or_never(&mut self) -> Arrival {
        match self.arrivals.recv().await {
            Some(arrival) => arrival,
            None => std::future::pending().await,
        }
    }

    /// The next request, which is to be this.
    pub(crate) async fn expect(&mut self, path: &str) -> Arrival {
        let arrival = self.next().await;
        assert_eq!(arrival.path(), path);
        arrival
    }

    pub(crate) fn has_more(&mut self) -> bool {
        !self.arrivals.is_empty()
    }

    /// Answers every request at once from now on, with its path.
    pub(crate) fn answer_all(mut self) -> Answering {
        let sockets = self.sockets.clone();
        tokio::spawn(async move {
            while let Some(arrival) = self.arrivals.recv().await {
                let path = arrival.path().to_owned();
                arrival.answer(path);
            }
        });
        Answering(sockets)
    }

    pub(crate) fn open(&self) -> usize {
        self.sockets.open.load(Ordering::SeqCst)
    }

    pub(crate) fn total(&self) -> usize {
        self.sockets.total.load(Ordering::SeqCst)
    }

    /// Waits until every socket is closed.
    pub(crate) async fn until_deserted(&self) {
        until(|| self.open() == 0).await;
    }
}

/// An [`Upstream`] that needs no more attention.
pub(crate) struct Answering(Arc<Sockets>);

impl Answering {
    pub(crate) fn open(&self) -> usize {
        self.0.open.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.most.load(Ordering::SeqCst)
    }

    pub(crate) fn total(&self) -> usize {
        self.0.total.load(Ordering::SeqCst)
    }
}

async fn serve(
    socket: TcpStream,
    is_http2: bool,
    connection: usize,
    sender: mpsc::UnboundedSender<Arrival>,
) {
    let count = AtomicUsize::new(0);
    let service = service_fn(|request| {
        let (answer, answered) = oneshot::channel();
        let _ = sender.send(Arrival {
            connection,
            nth: count.fetch_add(1, Ordering::SeqCst) + 1,
            request,
            answer,
        });
        // An arrival that is dropped ends the connection (HTTP/1) or the stream (HTTP/2).
        answered
    });
    let io = TokioIo::new(socket);
    let _ = match is_http2 {
        true => {
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.max_concurrent_streams(1000);
            builder.serve_connection(io, service).await
        }
        false => {
            let builder = hyper::server::conn::http1::Builder::new();
            builder.serve_connection(io, service).with_upgrades().await
        }
    };
}

impl Arrival {
    pub(crate) fn path(&self) -> &str {
        self.request.uri().path()
    }

    pub(crate) fn answer(self, text: impl Into<Bytes>) {
        self.answer_with(Response::new(Full::new(text.into()).boxed()));
    }

    pub(crate) fn answer_with(self, response: Response<Body>) {
        let _ = self.answer.send(response);
    }

    /// Answers with the head alone; the body is what is sent afterwards.
    pub(crate) fn answer_head(self) -> mpsc::UnboundedSender<Bytes> {
        use tokio_stream::StreamExt;

        let (sender, receiver) = mpsc::unbounded_channel();
        let frames = UnboundedReceiverStream::new(receiver).map(|data| Ok(Frame::data(data)));
        self.answer_with(Response::new(BodyExt::boxed(StreamBody::new(frames))));
        sender
    }
}

/// HTTP/2, frame by frame, from the server's end.
pub(crate) struct Frames<S = TcpStream> {
    socket: S,
}

/// A frame that matters to a test.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Headers(u32),
    /// Some of a body, at least a byte.
    Data(u32),
    Reset(u32),
    GoAway,
    Closed,
}

impl Frames {
    /// Accepts a connection, and allows so many streams.
    pub(crate) async fn accept(listener: &TcpListener, max_streams: u32) -> Self {
        let (socket, _) = within(listener.accept()).await.unwrap();
        Self::greet(socket, max_streams).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Frames<S> {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const GOAWAY: u8 = 7;

    /// With nothing read and nothing said.
    pub(crate) fn over(socket: S) -> Self {
        Self { socket }
    }

    /// Reads what a client says first, and allows so many streams.
    pub(crate) async fn greet(socket: S, max_streams: u32) -> Self {
        let mut frames = Self::over(socket);
        frames.preface().await;
        frames.settings(max_streams).await;
        frames
    }

    pub(crate) async fn preface(&mut self) {
        let mut preface = [0; 24];
        within(self.socket.read_exact(&mut preface)).await.unwrap();
    }

    /// Allows so many streams.
    pub(crate) async fn settings(&mut self, max_streams: u32) {
        self.setting(3, max_streams).await;
    }

    /// How much of each stream's body may come before it is asked for.
    pub(crate) async fn window(&mut self, initial: u32) {
        self.setting(4, initial).await;
    }

    async fn setting(&mut self, id: u16, value: u32) {
        let mut payload = id.to_be_bytes().to_vec();
        payload.extend(value.to_be_bytes());
        self.send(Self::SETTINGS, 0, 0, &payload).await;
    }

    /// Answers 200 with no body.
    pub(crate) async fn answer(&mut self, stream: u32) {
        const END: u8 = 0x1 | 0x4;
        const STATUS_200: &[u8] = &[0x88];
        self.send(Self::HEADERS, END, stream, STATUS_200).await;
    }

    /// Answers 200, and the body is yet to come.
    pub(crate) async fn answer_head(&mut self, stream: u32) {
        self.send(Self::HEADERS, 0x4, stream, &[0x88]).await;
    }

    /// Answers 200, and says that the body is of five bytes.
    pub(crate) async fn answer_head_of_five(&mut self, stream: u32) {
        const CONTENT_LENGTH_5: &[u8] = &[0x0f, 0x0d, 1, b'5'];
        let head = [&[0x88], CONTENT_LENGTH_5].concat();
        self.send(Self::HEADERS, 0x4, stream, &head).await;
    }

    /// Some of a response's body.
    pub(crate) async fn data(&mut self, stream: u32, data: &[u8], is_last: bool) {
        self.send(Self::DATA, u8::from(is_last), stream, data).await;
    }

    pub(crate) async fn reset(&mut self, stream: u32, reason: u32) {
        let reason = reason.to_be_bytes();
        self.send(Self::RST_STREAM, 0, stream, &reason).await;
    }

    pub(crate) async fn go_away(&mut self, last: u32, reason: u32) {
        let mut payload = last.to_be_bytes().to_vec();
        payload.extend(reason.to_be_bytes());
        self.send(Self::GOAWAY, 0, 0, &payload).await;
    }

    /// The next frame that matters. PINGs and SETTINGS are acknowledged.
    pub(crate) async fn next(&mut self) -> Seen {
        loop {
            let mut head = [0; 9];
            if within(self.socket.read_exact(&mut head)).await.is_err() {
                return Seen::Closed;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let mut payload = vec![0; length as usize];
            within(self.socket.read_exact(&mut payload)).await.unwrap();
            let is_ack = head[4] & 1 != 0;
            match head[3] {
                Self::DATA if length > 0 => return Seen::Data(stream),
                Self::HEADERS => return Seen::Headers(stream),
                Self::RST_STREAM => return Seen::Reset(stream),
                Self::GOAWAY => return Seen::GoAway,
                Self::SETTINGS if !is_ack => self.send(Self::SETTINGS, 1, 0, &[]).await,
                Self::PING if !is_ack => self.send(Self::PING, 1, 0, &payload).await,
                _ => {}
            }
        }
    }

    /// The next frame, which is to be a request.
    pub(crate) async fn request(&mut self) -> u32 {
        match self.next().await {
            Seen::Headers(stream) => stream,
            other => panic!("no request but {other:?}"),
        }
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        within(self.socket.write_all(&frame)).await.unwrap();
    }
}
