//! One kind of objects in one namespace, followed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use kube::Client;
use kube::api::DynamicObject;
use kube::runtime::reflector::store::{Store, Writer};
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use kube::runtime::{WatchStreamExt, reflector};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::failure::Failure;
use super::mesh::MeshNotes;
use super::resource::{self, Resource};
use super::status::WatchStatus;
use crate::istio::gate::Gate;
use crate::istio::rules::{Batch, Rules};

/// How many objects are kept. A mesh has hundreds.
const MOST_OBJECTS: usize = 20_000;

/// How many changes are put in force at once.
const MOST_AT_ONCE: usize = 1_000;

/// After how long a watch of which nothing is heard is taken to stand: one that is refused is so
/// at once.
const STANDS: Duration = Duration::from_secs(1);

/// Should the back-off ever come to an end.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

type Item = watcher::Result<Event<DynamicObject>>;

/// Brings the objects of a resource into the rules.
#[derive(Debug)]
pub(super) struct Follower {
    rules: Rules,
    resource: Resource,
    gate: Gate,
    status: watch::Sender<WatchStatus>,
    /// The sources that were put, each with the version of its object.
    held: BTreeMap<String, Option<String>>,
    /// What is told beside them.
    mesh: Option<MeshNotes>,
}

/// What is to be put in force next.
#[derive(Debug, Default)]
struct Next {
    batch: Batch,
    /// How much of a list has come in.
    listing: usize,
    listed: bool,
    /// Whether the watch has told of a change.
    told: bool,
}

impl Follower {
    pub(super) fn new(
        rules: Rules,
        resource: Resource,
        gate: Gate,
        status: watch::Sender<WatchStatus>,
    ) -> Self {
        Self {
            rules,
            resource,
            gate,
            status,
            held: BTreeMap::new(),
            mesh: None,
        }
    }

    /// Tells also what is the matter with the mesh's settings, which this follows.
    pub(super) fn with_notes(mut self, notes: MeshNotes) -> Self {
        self.mesh = Some(notes);
        self
    }

    /// Follows for ever. Whatever fails, the objects that were there stay in force until the next
    /// full list says otherwise.
    pub(super) async fn follow(mut self, client: Client) {
        let versions = self.resource.kind.versions();
        let mut backoff = DefaultBackoff::default();
        let (mut version, mut not_served) = (0, 0);
        loop {
            let why = match self.watch(&client, versions[version]).await {
                Failure::NotServed => {
                    version = (version + 1) % versions.len();
                    not_served += 1;
                    if not_served < versions.len() {
                        // Another version may be.
                        continue;
                    }
                    self.resource.kind.is_not_served()
                }
                Failure::Other(why) => why,
            };
            not_served = 0;
            self.failed(why).await;
            // It begins anew by itself, after two minutes without a failure. A list is no reason to:
            // where the watch is refused, each would be followed by the next at once.
            sleep(backoff.next().unwrap_or(LONGEST_PAUSE)).await;
        }
    }

    /// Lists and watches until something fails. What follows then begins with a list: that
    /// nothing was missed is certain only after one.
    async fn watch(&mut self, client: &Client, version: &str) -> Failure {
        let api_resource = self.resource.api_resource(version);
        let api = self.resource.api(client, &api_resource);
        let writer = Writer::new(api_resource.clone());
        let store = writer.as_reader();
        let objects = watcher(api, self.resource.config())
            .modify(|object| resource::prepare(object, &api_resource));
        let mut events = pin!(reflector(writer, objects));
        let mut next = Next::default();
        // From when on a failure that is still told is over.
        let mut stands = None;
        loop {
            let coming = poll_fn(|cx| events.as_mut().poll_next(cx));
            let mut event = match stands {
                None => coming.await,
                Some(at) => match timeout_at(at, coming).await {
                    Ok(event) => event,
                    Err(_) => {
                        stands = None;
                        self.recovered().await;
                        continue;
                    }
                },
            };
            let failure = loop {
                match self.take(event, &store, &mut next) {
                    Ok(()) if next.batch.len() < MOST_AT_ONCE => {}
                    Ok(()) => break None,
                    Err(failure) => break Some(failure),
                }
                match at_once(events.as_mut()).await {
                    Some(more) => event = more,
                    None => break None,
                }
            };
            let listed = std::mem::take(&mut next.listed);
            let told = std::mem::take(&mut next.told) && failure.is_none();
            let recovered = told && stands.take().is_some();
            if recovered {
                next.batch.remove(self.resource.source());
            }
            self.apply(std::mem::take(&mut next.batch)).await;
            if recovered {
                self.status.send_modify(WatchStatus::recovered);
            }
            if listed || told {
                self.note().await;
            }
            if listed {
                self.status.send_modify(WatchStatus::listed);
                let fails = self.status.borrow().error.is_some();
                stands = fails.then(|| Instant::now() + STANDS);
            }
            if let Some(failure) = failure {
                return failure;
            }
        }
    }

    /// Takes an event, which the store has seen already.
    fn take(
        &mut self,
        event: Option<Item>,
        store: &Store<DynamicObject>,
        next: &mut Next,
    ) -> Result<(), Failure> {
        match event {
            Some(Ok(Event::Init)) => next.listing = 0,
            Some(Ok(Event::InitApply(_))) => {
                next.listing += 1;
                if next.listing > MOST_OBJECTS {
                    return Err(too_many());
                }
            }
            Some(Ok(Event::InitDone)) => {
                self.replace(&store.state(), &mut next.batch)?;
                next.listed = true;
            }
            Some(Ok(Event::Apply(object))) => {
                next.told = true;
                self.put(&object, &mut next.batch)?;
                if self.held.len() > MOST_OBJECTS {
                    return Err(too_many());
                }
            }
            Some(Ok(Event::Delete(object))) => {
                next.told = true;
                let source = self.resource.source_of(&object);
                self.held.remove(&source);
                next.batch.remove(source);
            }
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Failure::Other("the watch ended".to_owned())),
        }
        Ok(())
    }

    /// All that is in the list and nothing else, as one change.
    fn replace(
        &mut self,
        list: &[Arc<DynamicObject>],
        batch: &mut Batch,
    ) -> Result<(), serde_json::Error> {
        let mut gone: BTreeSet<String> = self.held.keys().cloned().collect();
        for object in list {
            let source = self.resource.source_of(object);
            gone.remove(&source);
            let version = &object.metadata.resource_version;
            if version.is_none() || self.held.get(&source) != Some(version) {
                self.put(object, batch)?;
            }
        }
        for source in gone {
            self.held.remove(&source);
            batch.remove(source);
        }
        Ok(())
    }

    fn put(&mut self, object: &DynamicObject, batch: &mut Batch) -> Result<(), serde_json::Error> {
        let source = self.resource.source_of(object);
        let document = serde_json::to_vec(object)?;
        let version = object.metadata.resource_version.clone();
        self.held.insert(source.clone(), version);
        batch.put_as(source, document, self.resource.kind.role(), self.gate);
        Ok(())
    }

    async fn failed(&self, why: String) {
        let mut batch = Batch::new();
        batch.trouble(self.resource.source(), why.clone());
        self.apply(batch).await;
        self.status.send_modify(|status| status.failed(why));
    }

    /// What was the matter with the whole is over.
    async fn recovered(&mut self) {
        let mut batch = Batch::new();
        batch.remove(self.resource.source());
        self.apply(batch).await;
        self.status.send_modify(WatchStatus::recovered);
        self.note().await;
    }

    /// Tells what the objects that there are do not say.
    async fn note(&mut self) {
        let Some(mesh) = &mut self.mesh else {
            return;
        };
        let mut batch = Batch::new();
        mesh.root_namespace(self.rules.current().root_namespace(), &mut batch);
        // While it fails it is not known whether there is one.
        if self.status.borrow().error.is_none() {
            MeshNotes::settings(self.resource.source(), !self.held.is_empty(), &mut batch);
        }
        self.apply(batch).await;
    }

    /// Puts a batch in force, where it keeps nobody waiting.
    async fn apply(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let rules = self.rules.clone();
        // It ends badly only with the runtime.
        drop(tokio::task::spawn_blocking(move || rules.apply(batch)).await);
    }
}

/// What is there already.
async fn at_once(mut events: Pin<&mut impl Stream<Item = Item>>) -> Option<Option<Item>> {
    poll_fn(|cx| match events.as_mut().poll_next(cx) {
        Poll::Ready(event) => Poll::Ready(Some(event)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn too_many() -> Failure {
    Failure::Other(format!("there are more than {MOST_OBJECTS} objects"))
}
