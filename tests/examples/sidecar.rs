//! `sidecar`: the reverse proxy.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc as stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, Response, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::process::{self, RuleFile, Running, get, output, within};
use crate::upstream::{Arrival, Upstream};

const OVERFLOW: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: overflow";

/// A `sidecar` that is ready, with an admin address and an access log.
struct Sidecar {
    process: Running,
    address: String,
    admin: String,
}

impl Sidecar {
    /// In front of this upstream.
    async fn start(upstream: &Upstream, flags: &[&str]) -> Self {
        Self::before(&upstream.url(), flags).await
    }

    async fn before(upstream: &str, flags: &[&str]) -> Self {
        let anywhere = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let always = ["--workers", "1", "--access-log", "--upstream", upstream];
        let mut process = Running::start("sidecar", &[&anywhere, &always[..], flags].concat());
        let line = process.line().await;
        let address = line.strip_prefix("listening on ").expect(&line).to_owned();
        let line = process.line().await;
        let admin = line.strip_prefix("admin on ").expect(&line).to_owned();
        Self {
            process,
            address,
            admin,
        }
    }

    /// A GET, on a connection of its own.
    fn get(&self, path: &str) -> JoinHandle<Answer> {
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
        let url = format!("http://{}{path}", self.admin);
        let answer = within(get(url)).await.unwrap();
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
struct Answer {
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
    async fn closed(mut self) {
        assert_eq!(within(self.0.read(&mut [0])).await.unwrap(), 0);
    }
}

fn headers<const N: usize>(of: [(&'static str, &'static str); N]) -> HeaderMap {
    let pair = |(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_static(value))
    };
    of.into_iter().map(pair).collect()
}

// === Forwarding ===

#[tokio::test]
async fn a_request_and_its_response_pass_without_what_is_hop_by_hop() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &[]).await;
    let mut raw = sidecar
        .raw(
            "PUT /a/b?c=d HTTP/1.1\nhost: user.example\nconnection: keep-alive, x-hop, TE\n\
             x-hop: 1\nkeep-alive: timeout=5\nproxy-connection: keep-alive\nte: gzip, trailers\n\
             upgrade: h2c\nexpect: 100-continue\nx-end: 1\nx-end: 2\ncontent-length: 3\n\nabc",
        )
        .await;

    let mut arrival = upstream.next().await;
    assert_eq!(arrival.text().await, "abc");
    let request = &arrival.request;
    assert_eq!(
        (request.method().as_str(), request.uri().to_string()),
        ("PUT", "/a/b?c=d".to_owned())
    );
    assert_eq!(request.version(), Version::HTTP_11);
    let mut received: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    received.sort();
    assert_eq!(
        received,
        [
            "content-length: 3",
            "host: user.example",
            "te: trailers",
            "x-end: 1",
            "x-end: 2"
        ]
    );

    let rest = arrival.answer_head(headers([
        ("connection", "x-back"),
        ("x-back", "1"),
        ("keep-alive", "timeout=5"),
        ("content-length", "2"),
        ("x-end", "3"),
    ]));
    rest.data("ok");
    // hyper says `100 Continue` when the body is wanted.
    assert_eq!(raw.until("\n\n").await, "HTTP/1.1 100 Continue\n\n");
    let response = raw.until("ok").await;
    let mut lines: Vec<_> = response.lines().collect();
    lines[1..].sort();
    assert_eq!(
        lines,
        ["HTTP/1.1 200 OK", "", "content-length: 2", "ok", "x-end: 3"]
    );
    sidecar.logs("PUT /a/b?c=d 200 -").await;
    sidecar.is_idle().await;
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

async fn bodies_stream_both_ways(is_http2: bool, flags: &[&str]) {
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, flags).await;
    // HTTP/1 wants to know beforehand which trailers come, and whether they are welcome.
    let head = headers([("trailer", "x-sum"), ("te", "trailers")]);
    let (sender, response) = upload(&sidecar, is_http2, head.clone());

    // Each piece arrives while the next does not exist yet.
    sender.unbounded_send(data("one")).unwrap();
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.piece().await.into_data().unwrap(), "one");
    sender.unbounded_send(data("two")).unwrap();
    assert_eq!(arrival.piece().await.into_data().unwrap(), "two");
    let sum = headers([("x-sum", "2")]);
    sender.unbounded_send(Ok(Frame::trailers(sum))).unwrap();
    drop(sender);
    let trailers = arrival.piece().await.into_trailers().unwrap();
    assert_eq!(trailers, headers([("x-sum", "2")]));

    let rest = arrival.answer_head(headers([("trailer", "x-sum")]));
    let mut response = within(response).await.unwrap();
    rest.data("three");
    assert_eq!(piece(response.body_mut()).await, "three");
    rest.data("four");
    assert_eq!(piece(response.body_mut()).await, "four");
    rest.trailers(headers([("x-sum", "4")]));
    drop(rest);
    let last = within(response.body_mut().frame()).await.unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap(), headers([("x-sum", "4")]));
    sidecar.is_idle().await;
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways_over_http1() {
    bodies_stream_both_ways(false, &["--upstream-protocol", "h1"]).await;
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways_over_http2() {
    bodies_stream_both_ways(true, &["--upstream-protocol", "h2"]).await;
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways_from_http2_to_http1() {
    bodies_stream_both_ways(true, &[]).await;
}

#[tokio::test]
async fn bodies_and_trailers_stream_both_ways_while_they_are_kept_for_a_retry() {
    bodies_stream_both_ways(false, &["--retries", "1"]).await;
}

#[tokio::test]
async fn a_get_with_a_body_of_unknown_length_keeps_it() {
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &[]).await;
    let request = "GET / HTTP/1.1\nhost: up\ntransfer-encoding: chunked\n\n3\nabc\n0\n\n";
    let mut raw = sidecar.raw(request).await;
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.text().await, "abc");
    arrival.answer(204, "");
    raw.until("\n\n").await;
}

#[tokio::test]
async fn https_is_spoken_as_the_handshake_says() {
    for (protocol, alpn, version) in [
        ("auto", &[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2),
        ("auto", &[b"http/1.1"], Version::HTTP_11),
        ("h1", &[b"h2", b"http/1.1"], Version::HTTP_11),
        ("h2", &[b"h2"], Version::HTTP_2),
    ] {
        let mut upstream = Upstream::tls(alpn).await;
        let url = format!("https://{}", upstream.address);
        let flags = ["--upstream-protocol", protocol, "--upstream-insecure"];
        let sidecar = Sidecar::before(&url, &flags).await;
        let task = sidecar.get("/");
        let arrival = upstream.next().await;
        assert_eq!(arrival.request.version(), version, "{protocol}");
        arrival.answer(200, "ok");
        is(&answer(task).await, 200, "ok");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_knows_is_a_failed_connection() {
    let upstream = Upstream::tls(&[b"http/1.1"]).await;
    let url = format!("https://{}", upstream.address);
    let mut sidecar = Sidecar::before(&url, &[]).await;
    assert_eq!(answer(sidecar.get("/")).await.status, 503);
    sidecar.logs("GET / 503 UF").await;
    assert_eq!(sidecar.upstream("cx_connect_fail").await, 1);
}

// === Replies from here ===

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

#[tokio::test]
async fn overflow_is_answered_as_envoy_does_and_the_connection_stays() {
    let (_upstream, mut sidecar, _rule, arrival, held) = full(&[]).await;
    let mut raw = sidecar.raw("GET /a HTTP/1.1\nhost: up\n\n").await;
    let head = "HTTP/1.1 503 Service Unavailable\nx-envoy-overloaded: true\n\
                content-length: 81\ncontent-type: text/plain\n\n";
    assert_eq!(raw.until("overflow").await, format!("{head}{OVERFLOW}"));

    raw.send("HEAD /b HTTP/1.1\nhost: up\n\n").await;
    assert_eq!(raw.until("\n\n").await, head);

    raw.send("POST /c HTTP/1.1\nhost: up\ncontent-type: application/grpc+proto\n\n")
        .await;
    assert_eq!(
        raw.until("\n\n").await,
        format!(
            "HTTP/1.1 200 OK\nx-envoy-overloaded: true\ncontent-type: application/grpc\n\
             grpc-status: 14\ngrpc-message: {OVERFLOW}\ncontent-length: 0\n\n"
        )
    );
    for line in ["GET /a 503 UO", "HEAD /b 503 UO", "POST /c 200 UO"] {
        sidecar.logs(line).await;
    }
    let stats = sidecar.stats().await;
    assert_eq!(stats["cluster.up.upstream_rq_active_overflow"], 3);
    assert_eq!(stats["cluster.up.upstream_rq_503"], 3);

    arrival.answer(200, "ok");
    is(&answer(held).await, 200, "ok");
    // Nothing has closed it.
    raw.send("CONNECT up:80 HTTP/1.1\nhost: up:80\n\n").await;
    assert_eq!(
        raw.until("\n\n").await,
        "HTTP/1.1 404 Not Found\ncontent-length: 0\n\n"
    );
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn an_upstream_that_is_down_is_a_503() {
    let mut sidecar = Sidecar::before(&nobody(), &[]).await;
    let refused = answer(sidecar.get("/")).await;
    is(
        &refused,
        503,
        "upstream connect error or disconnect/reset before headers. \
         reset reason: remote connection failure",
    );
    assert_eq!(refused.headers["content-type"], "text/plain");
    assert!(!refused.headers.contains_key("x-envoy-overloaded"));
    sidecar.logs("GET / 503 UF").await;
    sidecar.is_idle().await;
}

#[tokio::test]
async fn a_connection_that_is_lost_is_a_503_and_harms_nobody_else() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &[]).await;
    let (lost, other) = (sidecar.get("/lost"), sidecar.get("/other"));
    let mut arrivals = [upstream.next().await, upstream.next().await];
    arrivals.sort_by_key(|it| it.request.uri().path().to_owned());
    let [to_lose, to_keep] = arrivals;
    drop(to_lose);
    is(
        &answer(lost).await,
        503,
        "upstream connect error or disconnect/reset before headers. \
         reset reason: connection termination",
    );
    sidecar.logs("GET /lost 503 UC").await;
    to_keep.answer(200, "ok");
    is(&answer(other).await, 200, "ok");
    sidecar.is_idle().await;
}

#[tokio::test]
async fn a_stream_that_is_reset_is_a_503_and_its_connection_stays() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--upstream-protocol", "h2"]).await;
    let reset = sidecar.get("/");
    drop(upstream.next().await);
    is(
        &answer(reset).await,
        503,
        "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
    );
    sidecar.logs("GET / 503 UR").await;
    assert_eq!(sidecar.upstream("rq_rx_reset").await, 1);
    assert_eq!(sidecar.upstream("cx_active").await, 1);
}

/// An upstream that answers one request so, and leaves.
async fn answering(text: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut raw = Raw(listener.accept().await.unwrap().0);
        raw.until("\n\n").await;
        raw.send(text).await;
    });
    url
}

#[tokio::test]
async fn what_is_no_http_is_a_502() {
    let url = answering("good day to you\n\n").await;
    let mut sidecar = Sidecar::before(&url, &[]).await;
    let task = sidecar.get("/");
    is(
        &answer(task).await,
        502,
        "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
    );
    sidecar.logs("GET / 502 UPE").await;
}

#[tokio::test]
async fn a_response_that_breaks_off_breaks_off_here_too() {
    let url = answering("HTTP/1.1 200 OK\ncontent-length: 10\n\npart").await;
    let mut sidecar = Sidecar::before(&url, &[]).await;
    let mut raw = sidecar.raw("GET / HTTP/1.1\nhost: up\n\n").await;
    raw.until("part").await;
    raw.closed().await;
    sidecar.logs("GET / 200 UPE").await;
    sidecar.is_idle().await;
}

#[tokio::test]
async fn the_timeout_of_a_request_runs_while_it_pends() {
    let rule = RuleFile::with("tcp: {maxConnections: 1}");
    let mut upstream = Upstream::start().await;
    let flags = ["--rule", &rule.path(), "--timeout", "0.3s"];
    let mut sidecar = Sidecar::start(&upstream, &flags).await;
    let active = sidecar.get("/active");
    let arrival = upstream.expect("/active").await;
    let request = "GET /pending HTTP/1.1\nhost: up\ncontent-type: application/grpc\n\n";
    let mut pending = sidecar.raw(request).await;

    is(&answer(active).await, 504, "upstream request timeout");
    arrival.abandoned().await;
    assert_eq!(
        pending.until("\n\n").await,
        "HTTP/1.1 200 OK\ncontent-type: application/grpc\ngrpc-status: 14\n\
         grpc-message: upstream request timeout\ncontent-length: 0\n\n"
    );
    sidecar.logs("GET /active 504 UT").await;
    sidecar.logs("GET /pending 200 UT").await;
    let stats = sidecar.stats().await;
    assert_eq!(stats["cluster.up.upstream_rq_timeout"], 2);
    assert_eq!(stats["cluster.up.upstream_rq_504"], 2);
    sidecar.is_idle().await;
}

#[tokio::test]
async fn the_timeout_of_a_request_ends_a_response_that_goes_on() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--timeout", "100ms"]).await;
    let mut raw = sidecar.raw("GET / HTTP/1.1\nhost: up\n\n").await;
    let rest = upstream
        .next()
        .await
        .answer_head(headers([("content-length", "10")]));
    rest.data("part");
    raw.until("part").await;
    raw.closed().await;
    sidecar.logs("GET / 200 UT").await;
    sidecar.is_idle().await;
}

#[tokio::test]
async fn the_timeout_of_a_request_starts_when_its_body_has_come() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--timeout", "50ms"]).await;
    let request = "POST / HTTP/1.1\nhost: up\ncontent-length: 6\n\nabc";
    let mut raw = sidecar.raw(request).await;
    let mut arrival = upstream.next().await;
    sleep(Duration::from_millis(200)).await;
    raw.send("def").await;
    assert_eq!(arrival.text().await, "abcdef");
    raw.until("upstream request timeout").await;
    sidecar.logs("POST / 504 UT").await;
}

#[tokio::test]
async fn each_try_has_a_timeout_from_when_it_has_a_connection() {
    let rule = RuleFile::with("tcp: {maxConnections: 1}");
    let mut upstream = Upstream::start().await;
    let flags = ["--rule", &rule.path(), "--per-try-timeout", "1s"];
    let mut sidecar = Sidecar::start(&upstream, &flags).await;
    let first = sidecar.get("/first");
    let _first = upstream.expect("/first").await;
    let second = sidecar.get("/second");
    sidecar.until_load(1, 1).await;

    is(&answer(first).await, 504, "upstream request timeout");
    // It pended nearly as long as it may take, and has as long again.
    upstream.expect("/second").await.answer(200, "ok");
    is(&answer(second).await, 200, "ok");
    sidecar.logs("GET /first 504 UT").await;
    assert_eq!(sidecar.upstream("rq_per_try_timeout").await, 1);
    assert_eq!(sidecar.upstream("rq_timeout").await, 0);
}

// === Limits ===

#[tokio::test]
async fn of_many_rules_the_one_for_its_upstream_and_its_callers_is_obeyed() {
    let rule = RuleFile::missing();
    let text = |connections: u32| {
        format!(
            "apiVersion: networking.istio.io/v1\n\
             kind: DestinationRule\n\
             metadata: {{name: user, namespace: demo}}\n\
             spec:\n\
             \x20 host: user\n\
             \x20 trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {connections}}}}}}}\n\
             \x20 subsets:\n\
             \x20 - name: v2\n\
             \x20   labels: {{version: v2}}\n\
             \x20   trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: 5}}}}}}\n\
             ---\n\
             apiVersion: networking.istio.io/v1\n\
             kind: DestinationRule\n\
             metadata: {{name: batch, namespace: demo}}\n\
             spec:\n\
             \x20 host: user\n\
             \x20 workloadSelector: {{matchLabels: {{app: batch}}}}\n\
             \x20 trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: 6}}}}}}\n"
        )
    };
    rule.write_text(&text(3));
    let remaining = "cluster.up.circuit_breakers.default.remaining_cx";
    let directory = rule.directory();
    let flags = ["--rules", &directory, "--client-namespace", "demo"];
    let upstream = "http://user.demo.svc.cluster.local:80";
    for (more, connections) in [
        (&["--subset", "v2"][..], 5),
        (&["--client-label", "app=batch"], 6),
        (&[], 3),
    ] {
        let sidecar = Sidecar::before(upstream, &[&flags[..], more].concat()).await;
        assert_eq!(sidecar.stat(remaining).await, connections);
    }
    let sidecar = Sidecar::before("http://user", &flags).await;
    assert_eq!(sidecar.stat(remaining).await, 3);
    rule.write_text(&text(4));
    sidecar.until("rules.update_success", 2).await;
    assert_eq!(sidecar.stat(remaining).await, 4);
    rule.write_text("kind: [");
    sidecar.until("rules.update_rejected", 1).await;
    assert_eq!(sidecar.stat(remaining).await, 4);
}

#[tokio::test]
async fn it_explains_what_is_in_force_from_a_file_and_among_many_rules() {
    let rule = RuleFile::with("tcp: {maxConnections: 3}, http: {http1MaxPendingRequests: 2}");
    let (path, directory) = (rule.path(), rule.directory());
    for flags in [
        &["--rule", &path][..],
        &["--rules", &directory, "--client-namespace", "default"],
    ] {
        let sidecar = Sidecar::before("http://user", flags).await;
        let said: serde_json::Value =
            serde_json::from_str(&sidecar.admin("/explain.json").await).unwrap();
        let limit = |name: &str| {
            let mut limits = said["limits"].as_array().unwrap().iter();
            limits.find(|limit| limit["field"] == name).unwrap()
        };
        assert_eq!(limit("max_connections")["value"], 3);
        let source = limit("max_connections")["source"].as_str().unwrap();
        let field = "default/user, spec.trafficPolicy.connectionPool.tcp.maxConnections (";
        assert!(source.starts_with(field), "{source}");
        // What the rule leaves out is what this program has instead.
        assert_eq!(limit("connect_timeout")["value"], "10s");
        assert_eq!(limit("idle_timeout")["value"], "1h0m0s");
        assert_eq!(said["pool"]["max_pending_requests"], 2);
        let text = sidecar.admin("/explain").await;
        assert!(
            text.contains("0 active of any number, 0 pending of 2, 0 refused"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_rule_is_obeyed_live_in_place() {
    let rule = RuleFile::missing();
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
    assert_eq!(sidecar.stat("rules.update_success").await, 0);
    let remaining = "cluster.up.circuit_breakers.default.remaining_cx";
    assert!(sidecar.stat(remaining).await > u64::from(u32::MAX / 2));

    rule.write("tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}");
    sidecar.until("rules.update_success", 1).await;
    assert_eq!(sidecar.stat(remaining).await, 1);
    let task_a = sidecar.get("/a");
    let arrival_a = upstream.expect("/a").await;
    let task_b = sidecar.get("/b");
    sidecar.until_load(1, 1).await;
    is(&answer(sidecar.get("/c")).await, 503, OVERFLOW);

    // Raised, it lets in who waits.
    rule.write("tcp: {maxConnections: 2}, http: {http1MaxPendingRequests: 1}");
    let arrival_b = upstream.expect("/b").await;
    sidecar.until("rules.update_success", 2).await;

    // Broken, it changes nothing.
    rule.write_text("kind: [");
    sidecar.until("rules.update_rejected", 1).await;
    assert_eq!(sidecar.stat(remaining).await, 0);
    let task_d = sidecar.get("/d");
    sidecar.until_load(2, 1).await;

    // Deleted, it limits nothing; and through all of it nobody was harmed.
    rule.delete();
    let arrival_d = upstream.expect("/d").await;
    sidecar.until("rules.update_success", 3).await;
    for (arrival, task) in [
        (arrival_a, task_a),
        (arrival_b, task_b),
        (arrival_d, task_d),
    ] {
        arrival.answer(200, "ok");
        is(&answer(task).await, 200, "ok");
    }
    assert_eq!(sidecar.upstream("cx_total").await, 3);
}

#[tokio::test]
async fn a_client_that_leaves_frees_everything() {
    let rule = RuleFile::with("tcp: {maxConnections: 1}");
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
    let active = sidecar.raw("GET /active HTTP/1.1\nhost: up\n\n").await;
    let arrival = upstream.expect("/active").await;
    let pending = sidecar.raw("GET /pending HTTP/1.1\nhost: up\n\n").await;
    sidecar.until_load(1, 1).await;

    drop(pending);
    sidecar.until_load(1, 0).await;
    sidecar.logs("GET /pending 0 DC").await;
    assert_eq!(sidecar.upstream("rq_cancelled").await, 1);
    drop(active);
    arrival.abandoned().await;
    sidecar.is_idle().await;
    sidecar.logs("GET /active 0 DC").await;
    sidecar.until("cluster.up.upstream_cx_active", 0).await;

    // In the middle of a response.
    let mut raw = sidecar.raw("GET /reading HTTP/1.1\nhost: up\n\n").await;
    let arrival = upstream.expect("/reading").await;
    let rest = arrival.answer_head(headers([("content-length", "10")]));
    rest.data("part");
    raw.until("part").await;
    drop(raw);
    sidecar.is_idle().await;
    sidecar.logs("GET /reading 200 DC").await;
    assert!(!upstream.has_more());
}

// === Retries ===

#[tokio::test]
async fn a_retry_sends_the_body_again_and_its_outcome_is_the_answer() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--retries", "1"]).await;
    let request = "POST / HTTP/1.1\nhost: up\ncontent-length: 6\n\nabcdef";
    let mut raw = sidecar.raw(request).await;
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.text().await, "abcdef");
    arrival.answer(503, "no");
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.request.headers()["content-length"], "6");
    assert_eq!(arrival.text().await, "abcdef");
    arrival.answer(200, "ok");
    raw.until("ok").await;
    sidecar.logs("POST / 200 -").await;
    let stats = sidecar.stats().await;
    let count = |name| stats[&format!("cluster.up.upstream_{name}")];
    assert_eq!(
        (
            count("rq_retry"),
            count("rq_retry_success"),
            count("rq_503")
        ),
        (1, 1, 0)
    );
    assert_eq!((count("rq_200"), count("rq_completed")), (1, 1));
}

#[tokio::test]
async fn a_retry_takes_over_a_body_that_is_still_coming() {
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &["--retries", "1"]).await;
    let request = "POST / HTTP/1.1\nhost: up\ncontent-length: 6\n\nabc";
    let mut raw = sidecar.raw(request).await;
    let mut first = upstream.next().await;
    assert_eq!(first.piece().await.into_data().unwrap(), "abc");
    drop(first);
    let mut second = upstream.next().await;
    assert_eq!(second.piece().await.into_data().unwrap(), "abc");
    raw.send("def").await;
    assert_eq!(second.text().await, "def");
    second.answer(200, "ok");
    raw.until("ok").await;
}

#[tokio::test]
async fn a_body_that_is_too_long_to_keep_is_sent_once() {
    const TOO_LONG: usize = (1 << 20) + 1;

    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &["--retries", "1"]).await;
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{}/long", sidecar.address);
    let body = Full::from(vec![b'x'; TOO_LONG]);
    let request = client.request(Request::post(uri).body(body).unwrap());
    let response = tokio::spawn(request);
    let mut arrival = upstream.next().await;
    assert_eq!(arrival.text().await.len(), TOO_LONG);
    arrival.answer(503, "no");
    assert_eq!(within(response).await.unwrap().unwrap().status(), 503);
    sidecar.logs("POST /long 503 -").await;
    assert_eq!(sidecar.upstream("rq_retry").await, 0);
}

#[tokio::test]
async fn without_room_for_a_retry_the_response_in_hand_is_the_answer() {
    let rule = RuleFile::with("http: {maxRetries: 1}");
    let mut upstream = Upstream::start().await;
    let flags = ["--rule", &rule.path(), "--retry-on", "5xx"];
    let mut sidecar = Sidecar::start(&upstream, &flags).await;
    let retried = sidecar.get("/a");
    upstream.expect("/a").await.answer(503, "no");
    // Its retry is held, and with it the slot.
    let held = upstream.expect("/a").await;

    let passed = sidecar.get("/b");
    upstream.expect("/b").await.answer(503, "not now");
    let passed = answer(passed).await;
    is(&passed, 503, "not now");
    assert!(!passed.headers.contains_key("x-envoy-overloaded"));
    sidecar.logs("GET /b 503 UO").await;
    let open = "cluster.up.circuit_breakers.default.rq_retry_open";
    assert_eq!(sidecar.stat(open).await, 1);

    // A second failure is its last.
    held.answer(503, "no again");
    is(&answer(retried).await, 503, "no again");
    sidecar.logs("GET /a 503 URX").await;
    assert_eq!(sidecar.stat(open).await, 0);
    for (name, value) in [
        ("rq_retry", 1),
        ("rq_retry_overflow", 1),
        ("rq_retry_limit_exceeded", 1),
        ("rq_retry_success", 0),
    ] {
        assert_eq!(sidecar.upstream(name).await, value, "{name}");
    }
}

#[tokio::test]
async fn a_retry_that_is_dropped_gives_its_slot_back() {
    let rule = RuleFile::with("http: {maxRetries: 1}");
    let mut upstream = Upstream::start().await;
    let flags = ["--rule", &rule.path(), "--retries", "1"];
    let sidecar = Sidecar::start(&upstream, &flags).await;
    let raw = sidecar.raw("GET / HTTP/1.1\nhost: up\n\n").await;
    upstream.next().await.answer(503, "no");
    let held = upstream.next().await;
    drop(raw);
    held.abandoned().await;
    let open = "cluster.up.circuit_breakers.default.rq_retry_open";
    sidecar.until(open, 0).await;
    sidecar.is_idle().await;
}

#[tokio::test]
async fn an_upstream_that_stays_down_is_tried_as_often_as_it_may_be() {
    let mut sidecar = Sidecar::before(&nobody(), &["--retries", "2"]).await;
    is(
        &answer(sidecar.get("/")).await,
        503,
        "upstream connect error or disconnect/reset before headers. \
         retried and the latest reset reason: remote connection failure",
    );
    sidecar.logs("GET / 503 URX,UF").await;
    assert_eq!(sidecar.upstream("rq_retry").await, 2);
    assert_eq!(sidecar.upstream("cx_connect_fail").await, 3);
}

#[tokio::test]
async fn overflow_is_not_retried() {
    let (_upstream, mut sidecar, _rule, _arrival, _held) = full(&["--retries", "2"]).await;
    is(&answer(sidecar.get("/")).await, 503, OVERFLOW);
    sidecar.logs("GET / 503 UO").await;
    assert_eq!(sidecar.upstream("rq_retry").await, 0);
    assert_eq!(sidecar.upstream("rq_active_overflow").await, 1);
}

// === What operators see ===

#[tokio::test]
async fn all_numbers_that_envoy_was_seen_to_tell_are_there_from_the_start() {
    let sidecar = Sidecar::before(&nobody(), &[]).await;
    let stats = sidecar.stats().await;
    let observations = include_str!("../outbound/observations.json");
    let scenarios: serde_json::Value = serde_json::from_str(observations).unwrap();
    let scenarios = scenarios.as_array().unwrap();
    let mut seen = 0;
    for step in scenarios
        .iter()
        .flat_map(|it| it["steps"].as_array().unwrap())
    {
        for (field, prefix) in [("delta", "upstream_"), ("cb", "circuit_breakers.")] {
            for name in step[field].as_object().into_iter().flat_map(|it| it.keys()) {
                // One scenario has a priority of its own, which there is none of here.
                if name.starts_with("high.") {
                    continue;
                }
                seen += 1;
                let name = format!("cluster.up.{prefix}{name}");
                assert!(stats.contains_key(&name), "{name}");
            }
        }
    }
    assert!(seen > 1000, "{seen}");
    for (name, value) in &stats {
        let is_unlimited = name.contains("remaining_");
        let expected = if is_unlimited { u64::from(u32::MAX) } else { 0 };
        assert_eq!(*value, expected, "{name}");
    }
    let text = sidecar.admin("/stats").await;
    assert!(text.lines().is_sorted(), "{text}");
    assert_eq!(sidecar.admin("/healthz").await, "ok\n");
}

#[tokio::test]
async fn the_metrics_have_envoys_names() {
    let mut upstream = Upstream::start().await;
    let sidecar = Sidecar::start(&upstream, &[]).await;
    let _held = sidecar.get("/");
    let _arrival = upstream.next().await;
    let page = sidecar.admin("/metrics").await;
    for line in [
        "# TYPE envoy_cluster_upstream_rq_total counter",
        "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"up\"} 1",
        "# TYPE envoy_cluster_upstream_rq_active gauge",
        "envoy_cluster_upstream_rq_active{envoy_cluster_name=\"up\"} 1",
        "envoy_cluster_circuit_breakers_default_rq_open{envoy_cluster_name=\"up\"} 0",
        "rules_update_success 0",
    ] {
        assert!(page.lines().any(|each| each == line), "{line} in:\n{page}");
    }
}

#[tokio::test]
async fn sigterm_serves_what_is_active_and_ends() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &[]).await;
    let task = sidecar.get("/");
    let arrival = upstream.next().await;
    sidecar.process.terminate().await;
    sidecar.process.says("draining").await;
    arrival.answer(200, "ok");
    is(&answer(task).await, 200, "ok");
    sidecar.logs("GET / 200 -").await;
    assert!(sidecar.process.ended().await.success());
}

#[tokio::test]
async fn an_upstream_that_is_none_is_refused() {
    for upstream in ["127.0.0.1:80", "ftp://up", "http://up/path", "http://me@up"] {
        let output = output("sidecar", &["--upstream", upstream]).await;
        assert_eq!(output.status.code(), Some(2), "{upstream}");
        let complaint = process::text(&output.stderr);
        assert!(
            complaint.contains("expected http://HOST:PORT or https://HOST:PORT"),
            "{complaint}"
        );
    }
}

#[tokio::test]
async fn a_rule_that_turns_the_idle_timeout_off_is_not_overruled_by_the_default() {
    let upstream = Upstream::start().await;
    for (pool, shown) in [
        ("http: {http2MaxRequests: 3}", serde_json::json!("1h0m0s")),
        ("tcp: {idleTimeout: 0s}", serde_json::Value::Null),
    ] {
        let rule = RuleFile::with(pool);
        let sidecar = Sidecar::start(&upstream, &["--rule", &rule.path()]).await;
        let text = sidecar.admin("/explain.json").await;
        let explanation: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rows = explanation["limits"].as_array().unwrap();
        let idle = rows.iter().find(|row| row["field"] == "idle_timeout");
        assert_eq!(idle.unwrap()["value"], shown, "{pool}");
    }
}
