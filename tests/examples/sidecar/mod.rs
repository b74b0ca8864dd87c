//! `sidecar`: the reverse proxy.

mod forwarding;
mod grpc;
mod keep_alive;
mod limits;
mod operators;
mod replies;
mod retries;
mod timeouts;
mod uploads;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc as stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::process::{RuleFile, Running, get, within};
use crate::upstream::{Arrival, Upstream};

const OVERFLOW: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: overflow";

/// A `sidecar` that is ready, with an admin address and an access log.
pub(crate) struct Sidecar {
    process: Running,
    address: String,
    admin: String,
}

impl Sidecar {
    /// In front of this upstream.
    pub(crate) async fn start(upstream: &Upstream, flags: &[&str]) -> Self {
        Self::before(&upstream.url(), flags).await
    }

    async fn before(upstream: &str, flags: &[&str]) -> Self {
        let anywhere = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let always = ["--workers", "1", "--access-log", "--upstream", upstream];
        let mut process = Running::start("sidecar", &[&anywhere, &always[..], flags].concat());
        let (address, admin) = process.addresses().await;
        Self {
            process,
            address,
            admin,
        }
    }

    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// A GET, on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> JoinHandle<Answer> {
        let url = format!("http://{}{path}", self.address);
        tokio::spawn(async move { Answer::of(within(get(url)).await.unwrap()).await })
    }

    /// What is sent is answered so, byte by byte but for the date.
    async fn raw(&self, request: &str) -> Raw {
        let mut raw = Raw::connect(self).await;
        raw.send(request).await;
        raw
    }

    async fn admin(&self, path: &str) -> String {
        let answer = within(get(self.admin_url(path))).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        within(answer.text()).await.unwrap()
    }

    async fn stats(&self) -> BTreeMap<String, u64> {
        let text = self.admin("/stats").await;
        let number = |line: &str| {
            let (name, value) = line.split_once(": ").expect(line);
            (name.to_owned(), value.parse().expect(line))
        };
        text.lines().map(number).collect()
    }

    async fn stat(&self, name: &str) -> u64 {
        self.stats().await[name]
    }

    /// A counter or gauge of the upstream's.
    async fn upstream(&self, name: &str) -> u64 {
        self.stat(&format!("cluster.up.upstream_{name}")).await
    }

    /// Waits until it stands so.
    async fn until(&self, name: &str, value: u64) {
        within(async {
            while self.stat(name).await != value {
                sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    }

    /// Waits until so many requests are active, and so many pend.
    async fn until_load(&self, active: u64, pending: u64) {
        self.until("cluster.up.upstream_rq_active", active).await;
        self.until("cluster.up.upstream_rq_pending_active", pending)
            .await;
    }

    /// Nothing is left of any request.
    async fn is_idle(&self) {
        self.until_load(0, 0).await;
    }

    async fn logs(&mut self, line: &str) {
        assert_eq!(self.process.line().await, line);
    }
}

/// A response, and all of its body.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }
}

#[track_caller]
fn is(answer: &Answer, status: u16, text: &str) {
    assert_eq!((answer.status, answer.text.as_str()), (status, text));
}

async fn answer(task: JoinHandle<Answer>) -> Answer {
    within(task).await.unwrap()
}

/// An HTTP/1 connection, byte by byte.
struct Raw(TcpStream);

impl Raw {
    async fn connect(sidecar: &Sidecar) -> Self {
        Self(TcpStream::connect(&sidecar.address).await.unwrap())
    }

    /// Lines end as they do here.
    async fn send(&mut self, text: &str) {
        let text = text.replace('\n', "\r\n");
        within(self.0.write_all(text.as_bytes())).await.unwrap();
    }

    /// Reads on until there is this, and returns all of it without the date.
    async fn until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let byte = within(self.0.read_u8()).await;
            let byte = byte.unwrap_or_else(|error| panic!("{error} after {text}"));
            if byte != b'\r' {
                text.push(byte.into());
            }
        }
        let lines = text.split_inclusive('\n');
        lines.filter(|line| !line.starts_with("date: ")).collect()
    }

    /// The peer has nothing more to say.
    async fn closed(self) {
        self.ended("").await;
    }

    /// The peer has nothing more to say than this.
    async fn ended(mut self, rest: &str) {
        let mut text = String::new();
        within(self.0.read_to_string(&mut text)).await.unwrap();
        assert_eq!(text.replace("\r\n", "\n"), rest);
    }
}

type Upload = StreamBody<stream::UnboundedReceiver<Result<Frame<Bytes>, Infallible>>>;

/// What frames of a request's body are sent into.
type Frames = stream::UnboundedSender<Result<Frame<Bytes>, Infallible>>;

/// A request whose body is sent bit by bit, over HTTP/1.1 or HTTP/2.
fn upload(
    sidecar: &Sidecar,
    is_http2: bool,
    head: HeaderMap,
) -> (Frames, JoinHandle<Response<Incoming>>) {
    let (sender, frames) = stream::unbounded();
    let client: Client<HttpConnector, Upload> = Client::builder(TokioExecutor::new())
        .http2_only(is_http2)
        .build_http();
    let uri = format!("http://{}/upload", sidecar.address);
    let mut request = Request::post(uri).body(StreamBody::new(frames)).unwrap();
    *request.headers_mut() = head;
    let response = tokio::spawn(async move { within(client.request(request)).await.unwrap() });
    (sender, response)
}

fn data(text: &'static str) -> Result<Frame<Bytes>, Infallible> {
    Ok(Frame::data(text.into()))
}

async fn piece(body: &mut (impl Body<Data = Bytes, Error: std::fmt::Debug> + Unpin)) -> Bytes {
    let frame = within(body.frame()).await.expect("more").unwrap();
    frame.into_data().expect("data")
}

fn headers<const N: usize>(of: [(&'static str, &'static str); N]) -> HeaderMap {
    let pair = |(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    };
    of.into_iter().map(pair).collect()
}

/// Has one request active, where there may be one.
async fn full(flags: &[&str]) -> (Upstream, Sidecar, RuleFile, Arrival, JoinHandle<Answer>) {
    let rule = RuleFile::with("http: {http2MaxRequests: 1}");
    let mut upstream = Upstream::start().await;
    let path = rule.path();
    let flags = [&["--rule", &path], flags].concat();
    let sidecar = Sidecar::start(&upstream, &flags).await;
    let held = sidecar.get("/held");
    let arrival = upstream.expect("/held").await;
    (upstream, sidecar, rule, arrival, held)
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
