//! One kind of objects in one namespace, followed.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use kube::Client;
use kube::api::DynamicObject;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use tokio::sync::watch;

use super::failure::Failure;
use super::resource::Resource;
use super::status::WatchStatus;
use crate::istio::gate::Gate;
use crate::istio::rules::{Batch, Rules};

/// How many objects are kept. A mesh has hundreds.
const MOST_OBJECTS: usize = 20_000;

/// How many changes are put in force at once.
const MOST_AT_ONCE: usize = 1_000;

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
    held: Objects,
}

/// Objects by source, with their versions.
type Objects = BTreeMap<String, Option<String>>;

/// What is to be put in force next.
#[derive(Debug, Default)]
struct Next {
    batch: Batch,
    /// While a list comes in: all of its objects until now.
    list: Option<BTreeMap<String, Object>>,
    listed: bool,
}

#[derive(Debug)]
struct Object {
    version: Option<String>,
    document: Vec<u8>,
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
            held: Objects::new(),
        }
    }

    /// Follows for ever. Whatever fails, the objects that were there stay in force until the next
    /// full list says otherwise.
    pub(super) async fn follow(mut self, client: Client) {
        let versions = self.resource.kind.versions();
        let mut backoff = DefaultBackoff::default();
        let (mut version, mut not_served) = (0, 0);
        loop {
            let why = match self.watch(&client, versions[version], &mut backoff).await {
                Failure::NotServed => {
                    version = (version + 1) % versions.len();
                    not_served += 1;
                    if not_served < versions.len() {
                        // Another version may be.
                        continue;
                    }
                    format!(
                        "the API server knows no {}: are Istio's CRDs installed?",
                        self.resource.kind.name()
                    )
                }
                Failure::Other(why) => why,
            };
            not_served = 0;
            self.failed(why).await;
            tokio::time::sleep(backoff.next().unwrap_or(LONGEST_PAUSE)).await;
        }
    }

    /// Lists and watches until something fails. What follows then begins with a list: that
    /// nothing was missed is certain only after one.
    async fn watch(
        &mut self,
        client: &Client,
        version: &str,
        backoff: &mut DefaultBackoff,
    ) -> Failure {
        let api = self.resource.api(client, version);
        let mut events = pin!(watcher(api, self.resource.config()));
        let mut next = Next::default();
        loop {
            let mut event = poll_fn(|cx| events.as_mut().poll_next(cx)).await;
            let failure = loop {
                match self.take(event, version, &mut next) {
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
            if listed {
                backoff.reset();
                // What was the matter with the whole is over.
                next.batch.remove(self.resource.source());
            }
            self.apply(std::mem::take(&mut next.batch)).await;
            if listed {
                self.status.send_modify(WatchStatus::listed);
            }
            if let Some(failure) = failure {
                return failure;
            }
        }
    }

    fn take(&mut self, event: Option<Item>, version: &str, next: &mut Next) -> Result<(), Failure> {
        match event {
            Some(Ok(Event::Init)) => next.list = Some(BTreeMap::new()),
            Some(Ok(Event::InitApply(object))) => {
                let (source, object) = self.object(object, version)?;
                let list = next.list.get_or_insert_default();
                list.insert(source, object);
                if list.len() > MOST_OBJECTS {
                    return Err(too_many());
                }
            }
            Some(Ok(Event::InitDone)) => {
                self.replace(next.list.take().unwrap_or_default(), &mut next.batch);
                next.listed = true;
            }
            Some(Ok(Event::Apply(object))) => {
                let (source, object) = self.object(object, version)?;
                self.held.insert(source.clone(), object.version);
                self.put(&mut next.batch, source, object.document);
                if self.held.len() > MOST_OBJECTS {
                    return Err(too_many());
                }
            }
            Some(Ok(Event::Delete(object))) => {
                let source = self.resource.source_of(&object);
                self.held.remove(&source);
                next.batch.remove(source);
            }
            Some(Err(error)) => return Err(error.into()),
            None => return Err(Failure::Other("the watch ended".to_owned())),
        }
        Ok(())
    }

    fn object(&self, object: DynamicObject, version: &str) -> Result<(String, Object), Failure> {
        let source = self.resource.source_of(&object);
        let resource_version = object.metadata.resource_version.clone();
        let document = self.resource.document(object, version);
        let document = document.map_err(|error| Failure::Other(error.to_string()))?;
        let object = Object {
            version: resource_version,
            document,
        };
        Ok((source, object))
    }

    /// All that is in the list and nothing else, as one change.
    fn replace(&mut self, list: BTreeMap<String, Object>, batch: &mut Batch) {
        let mut before = std::mem::take(&mut self.held);
        for (source, object) in list {
            let known = before.remove(&source);
            self.held.insert(source.clone(), object.version.clone());
            if object.version.is_none() || known != Some(object.version) {
                self.put(batch, source, object.document);
            }
        }
        for gone in before.into_keys() {
            batch.remove(gone);
        }
    }

    fn put(&self, batch: &mut Batch, source: String, document: Vec<u8>) {
        batch.put_as(source, document, self.resource.kind.role(), self.gate);
    }

    async fn failed(&self, why: String) {
        let mut batch = Batch::new();
        batch.trouble(self.resource.source(), why.clone());
        self.apply(batch).await;
        self.status.send_modify(|status| status.failed(why));
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
