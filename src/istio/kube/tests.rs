//! Following, by a clock that stands still, without a server. What crosses sockets is in
//! `tests/kubernetes`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use tokio::sync::watch;
use tokio::time::Instant;
use tower::service_fn;

use super::follow::Follower;
use super::resource::{Kind, Resource};
use super::status::WatchStatus;
use crate::istio::gate::Gate;
use crate::istio::rules::Rules;

const EMPTY: &str = r#"{"metadata": {"resourceVersion": "1"}, "items": []}"#;
const FORBIDDEN: &str = r#"{"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 403,
    "status": "Failure", "reason": "Forbidden", "message": "no"}"#;

/// A server that lists nothing, refuses watches, and keeps the times of its lists.
fn refuses_watches(lists: &Arc<Mutex<Vec<Instant>>>) -> Client {
    let lists = Arc::clone(lists);
    let service = service_fn(move |request: Request<Body>| {
        let watch = request.uri().query().unwrap().contains("watch=true");
        if !watch {
            lists.lock().unwrap().push(Instant::now());
        }
        let (code, text) = match watch {
            true => (403, FORBIDDEN),
            false => (200, EMPTY),
        };
        let answer = Response::builder().status(code);
        let answer = answer.body(Body::from(text.as_bytes().to_vec())).unwrap();
        async { Ok::<_, Infallible>(answer) }
    });
    Client::new(service, "default")
}

fn follower(rules: &Rules) -> (Follower, watch::Receiver<WatchStatus>) {
    let resource = Resource {
        kind: Kind::DestinationRule,
        namespace: None,
    };
    let (sender, status) = watch::channel(WatchStatus::new(&resource));
    (
        Follower::new(rules.clone(), resource, Gate::Istiod, sender),
        status,
    )
}

#[tokio::test(start_paused = true)]
async fn where_watches_are_refused_lists_come_less_and_less_often() {
    let lists = Arc::default();
    let rules = Rules::new();
    let (follower, mut status) = follower(&rules);
    let following = tokio::spawn(follower.follow(refuses_watches(&lists)));
    // A task of its own has its turn after each change.
    let watching = tokio::spawn(async move {
        while status.borrow_and_update().failures < 10 {
            status.changed().await.unwrap();
            // From the first failure on it is told, and stays so however often it is listed.
            if status.borrow().failures > 0 {
                assert!(status.borrow().error.is_some());
                assert_eq!(rules.problems().len(), 1);
            }
        }
    });
    watching.await.unwrap();
    following.abort();
    let lists = lists.lock().unwrap();
    let pauses: Vec<_> = lists.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (shortest, longest) = (Duration::from_millis(800), Duration::from_secs(30));
    assert!(
        shortest <= pauses[0] && pauses[0] <= 2 * shortest,
        "{pauses:?}"
    );
    assert!(
        longest <= pauses[8] && pauses[8] <= 2 * longest,
        "{pauses:?}"
    );
}
