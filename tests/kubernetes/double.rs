//! An API server's double: what of one a client that lists and watches sees, on loopback, and made
//! to fail in all the ways that one does.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

type Body = BoxBody<Bytes, Cut>;

/// How a connection breaks off in the middle of a body.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

/// The double. Its end ends the server.
pub(crate) struct Double {
    address: SocketAddr,
    shared: Arc<Shared>,
    directory: TempDir,
}

struct Shared {
    state: Mutex<State>,
    asked: Notify,
    away: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    /// The version of the last change.
    version: u64,
    objects: BTreeMap<Key, Value>,
    history: Vec<Event>,
    /// Changes up to this one are forgotten.
    forgotten: u64,
    watches: Vec<Watch>,
    faults: BTreeMap<String, Fault>,
    versions: Vec<String>,
    asked: Vec<String>,
}

/// Plural, namespace, name.
type Key = (String, String, String);

#[derive(Clone)]
struct Event {
    version: u64,
    kind: &'static str,
    key: Key,
    object: Value,
}

struct Watch {
    plural: String,
    namespace: Option<String>,
    to: UnboundedSender<Result<Frame<Bytes>, Cut>>,
}

/// What a resource answers instead of what it should.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A failure, with the API's words.
    Status(u16, &'static str),
    /// A 200 with this in it.
    Text(String),
    /// A watch is refused so, and a list is not.
    Watches(u16, &'static str),
    /// A watch ends as soon as it began.
    Short,
    /// A watch that is asked for too late is answered with HTTP 410, and not with an event.
    Gone,
}

impl Double {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            version: 1,
            versions: vec!["v1".to_owned(), "v1beta1".to_owned(), "v1alpha3".to_owned()],
            ..State::default()
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            asked: Notify::new(),
            away: watch::channel(false).0,
        });
        tokio::spawn(serve(listener, Arc::downgrade(&shared)));
        Self {
            address,
            shared,
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A kubeconfig for it.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        let path = self.directory.path().join("config");
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "double",
            "clusters": [{"name": "double", "cluster": {"server": format!("http://{}", self.address)}}],
            "contexts": [{"name": "double", "context": {"cluster": "double", "user": "nobody"}}],
            "users": [{"name": "nobody", "user": {}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// Which of Istio's versions it serves.
    pub(crate) fn serve_only(&self, versions: &[&str]) {
        self.state().versions = versions.iter().map(ToString::to_string).collect();
    }

    /// Creates or changes an object.
    pub(crate) fn put(&self, plural: &str, namespace: &str, name: &str, mut object: Value) {
        let mut state = self.state();
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let kind = match state.objects.contains_key(&key) {
            true => "MODIFIED",
            false => "ADDED",
        };
        state.version += 1;
        object["metadata"] = json!({
            "name": name,
            "namespace": namespace,
            "resourceVersion": state.version.to_string(),
            "creationTimestamp": "2024-01-01T00:00:00Z",
            "managedFields": [{"manager": "kubectl", "operation": "Apply"}],
        });
        state.objects.insert(key.clone(), object.clone());
        state.happened(kind, key, object);
    }

    pub(crate) fn delete(&self, plural: &str, namespace: &str, name: &str) {
        let mut state = self.state();
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        let mut object = state.objects.remove(&key).expect("it is there");
        state.version += 1;
        object["metadata"]["resourceVersion"] = json!(state.version.to_string());
        state.happened("DELETED", key, object);
    }

    /// Tells all watches up to which version they have seen everything.
    pub(crate) fn bookmark(&self) {
        let mut state = self.state();
        // Something else in the cluster changed.
        state.version += 1;
        let metadata = json!({"resourceVersion": state.version.to_string()});
        let bookmark = json!({"apiVersion": "v1", "kind": "Any", "metadata": metadata});
        state.send("BOOKMARK", &bookmark, |_| true);
    }

    /// Sends all watches of a resource a line as it is.
    pub(crate) fn say(&self, plural: &str, line: &str) {
        let state = self.state();
        for watch in state.watches.iter().filter(|watch| watch.plural == plural) {
            let line = Bytes::from(format!("{line}\n"));
            let _ = watch.to.unbounded_send(Ok(Frame::data(line)));
        }
    }

    /// Forgets what happened: a watch from before it is too late.
    pub(crate) fn forget(&self) {
        let mut state = self.state();
        state.forgotten = state.version;
        state.history.clear();
    }

    /// Ends all watches, as a server does from time to time.
    pub(crate) fn disconnect(&self) {
        self.state().watches.clear();
    }

    /// Breaks all watches off, in the middle of what they say.
    pub(crate) fn cut(&self) {
        for watch in self.state().watches.drain(..) {
            let _ = watch.to.unbounded_send(Err(Cut));
        }
    }

    /// Until it returns, connections are closed as they come, and all that there are.
    pub(crate) fn go_away(&self) {
        self.shared.away.send_replace(true);
        self.state().watches.clear();
    }

    pub(crate) fn come_back(&self) {
        self.shared.away.send_replace(false);
    }

    /// What a resource answers from now on.
    pub(crate) fn fail(&self, plural: &str, fault: impl Into<Option<Fault>>) {
        let mut state = self.state();
        match fault.into() {
            Some(fault) => drop(state.faults.insert(plural.to_owned(), fault)),
            None => drop(state.faults.remove(plural)),
        }
    }

    /// What was asked for with this in it, in order.
    pub(crate) fn asked(&self, part: &str) -> Vec<String> {
        let state = self.state();
        let asked = state.asked.iter().filter(|line| line.contains(part));
        asked.cloned().collect()
    }

    /// How many watches of a resource there are.
    pub(crate) fn watches(&self, plural: &str) -> usize {
        let state = self.state();
        let open = state.watches.iter().filter(|watch| !watch.to.is_closed());
        open.filter(|watch| watch.plural == plural).count()
    }

    /// Waits until it was asked for something so often.
    pub(crate) async fn until_asked(&self, part: &str, times: usize) {
        loop {
            let asked = self.shared.asked.notified();
            if self.asked(part).len() >= times {
                return;
            }
            asked.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }
}

impl State {
    fn happened(&mut self, kind: &'static str, key: Key, object: Value) {
        let event = Event {
            version: self.version,
            kind,
            key,
            object,
        };
        self.send(kind, &event.object, |watch| {
            event.concerns(&watch.plural, watch.namespace.as_deref())
        });
        self.history.push(event);
    }

    fn send(&mut self, kind: &str, object: &Value, to: impl Fn(&Watch) -> bool) {
        self.watches.retain(|watch| !watch.to.is_closed());
        for watch in self.watches.iter().filter(|watch| to(watch)) {
            let _ = watch.to.unbounded_send(Ok(line(kind, object)));
        }
    }

    fn answer(&mut self, uri: &Uri) -> Response<Body> {
        let Some(resource) = Asked::of(uri, &self.versions) else {
            return status(
                404,
                "NotFound",
                "the server could not find the requested resource",
            );
        };
        match self.faults.get(&resource.plural).cloned() {
            Some(Fault::Watches(code, reason)) if resource.watch => {
                refused(&resource.plural, code, reason)
            }
            Some(Fault::Status(code, reason)) => refused(&resource.plural, code, reason),
            Some(Fault::Text(text)) => full(200, text),
            _ if !resource.watch => self.list(&resource),
            fault => self.watch(&resource, fault),
        }
    }

    fn list(&self, asked: &Asked) -> Response<Body> {
        let objects: Vec<_> = self
            .objects
            .iter()
            .filter(|(key, _)| asked.wants(key))
            // In lists they have neither kind nor version.
            .map(|(_, object)| object.clone())
            .collect();
        let from = asked.from.min(objects.len());
        let to = objects.len().min(from + asked.limit);
        let rest = (to < objects.len()).then(|| to.to_string());
        let list = json!({
            "apiVersion": "v1",
            "kind": "List",
            "metadata": {"resourceVersion": self.version.to_string(), "continue": rest},
            "items": objects[from..to],
        });
        full(200, list.to_string())
    }

    fn watch(&mut self, asked: &Asked, fault: Option<Fault>) -> Response<Body> {
        let (to, from) = unbounded();
        if asked.since < self.forgotten {
            let message = format!("too old resource version: {}", asked.since);
            if matches!(fault, Some(Fault::Gone)) {
                return status(410, "Expired", &message);
            }
            let gone = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 410,
                "status": "Failure", "reason": "Expired", "message": message});
            let _ = to.unbounded_send(Ok(line("ERROR", &gone)));
            return streamed(from);
        }
        for event in &self.history {
            if event.version > asked.since
                && event.concerns(&asked.plural, asked.namespace.as_deref())
            {
                let _ = to.unbounded_send(Ok(line(event.kind, &event.object)));
            }
        }
        if !matches!(fault, Some(Fault::Short)) {
            self.watches.push(Watch {
                plural: asked.plural.clone(),
                namespace: asked.namespace.clone(),
                to,
            });
        }
        streamed(from)
    }
}

impl Event {
    fn concerns(&self, plural: &str, namespace: Option<&str>) -> bool {
        self.key.0 == plural && namespace.is_none_or(|namespace| self.key.1 == namespace)
    }
}

/// What is asked for.
struct Asked {
    plural: String,
    namespace: Option<String>,
    name: Option<String>,
    watch: bool,
    since: u64,
    limit: usize,
    from: usize,
}

impl Asked {
    fn of(uri: &Uri, versions: &[String]) -> Option<Self> {
        let path: Vec<_> = uri.path().split('/').skip(1).collect();
        let rest = match &path[..] {
            ["api", "v1", rest @ ..] => rest,
            ["apis", "networking.istio.io", version, rest @ ..]
                if versions.iter().any(|served| served == version) =>
            {
                rest
            }
            _ => return None,
        };
        let (namespace, plural) = match rest {
            ["namespaces", namespace, plural] => (Some((*namespace).to_owned()), *plural),
            [plural] => (None, *plural),
            _ => return None,
        };
        let parameters: BTreeMap<_, _> = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let number = |name| parameters.get(name).and_then(|text| text.parse().ok());
        Some(Self {
            plural: plural.to_owned(),
            namespace,
            name: parameters
                .get("fieldSelector")
                .and_then(|selector| selector.strip_prefix("metadata.name%3D"))
                .map(ToString::to_string),
            watch: parameters.contains_key("watch"),
            since: number("resourceVersion").unwrap_or_default(),
            limit: number("limit").map_or(usize::MAX / 2, |limit| limit as usize),
            from: number("continue").unwrap_or_default() as usize,
        })
    }

    fn wants(&self, (plural, namespace, name): &Key) -> bool {
        *plural == self.plural
            && self
                .namespace
                .as_ref()
                .is_none_or(|wanted| wanted == namespace)
            && self.name.as_ref().is_none_or(|wanted| wanted == name)
    }
}

fn line(kind: &str, object: &Value) -> Frame<Bytes> {
    let event = json!({"type": kind, "object": object});
    Frame::data(Bytes::from(format!("{event}\n")))
}

fn full(code: u16, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

fn refused(plural: &str, code: u16, reason: &str) -> Response<Body> {
    let message = format!("{plural} is {reason}: User \"nobody\"");
    status(code, reason, &message)
}

fn status(code: u16, reason: &str, message: &str) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": code,
        "status": "Failure", "reason": reason, "message": message});
    full(code, status.to_string())
}

fn streamed(lines: UnboundedReceiver<Result<Frame<Bytes>, Cut>>) -> Response<Body> {
    Response::new(BodyExt::boxed(StreamBody::new(lines)))
}

async fn serve(listener: TcpListener, shared: std::sync::Weak<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let mut away = shared.away.subscribe();
        let answer = move |request: Request<Incoming>| {
            let shared = shared.clone();
            async move {
                let answer = {
                    let mut state = shared.state.lock().unwrap();
                    let uri = request.uri();
                    state.asked.push(uri.to_string());
                    state.answer(uri)
                };
                shared.asked.notify_waiters();
                Ok::<_, Infallible>(answer)
            }
        };
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::select! {
                _ = connection => {}
                _ = away.wait_for(|away| *away) => {}
            }
        });
    }
}
