//! A server whose process has no file descriptors left.

use std::future::IntoFuture;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use meshpool::inbound::serve;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::alone;

fn limit_descriptors(current: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

#[test]
fn clients_that_came_while_there_were_no_descriptors_are_served_when_there_are() {
    alone(async {
        no_descriptors().await;
    });
}

async fn no_descriptors() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(TcpStream::connect(addr).await.unwrap());
    }

    let usual = getrlimit(Resource::Nofile).current;
    // What is open stays open, and nothing more can be opened.
    limit_descriptors(Some(0));
    let (seen, mut errors) = mpsc::unbounded_channel();
    let app = Router::new().route("/user", get(|| async { "Kevin" }));
    let server = serve(listener, app).on_accept_error(move |error| {
        seen.send(error.raw_os_error()).unwrap();
    });
    tokio::spawn(server.into_future());
    for _ in 0..3 {
        let error = timeout(Duration::from_secs(30), errors.recv()).await;
        assert_eq!(error.unwrap(), Some(Some(Errno::MFILE.raw_os_error())));
    }

    limit_descriptors(usual);
    for mut client in clients {
        let get = b"GET /user HTTP/1.1\r\nhost: user\r\nconnection: close\r\n\r\n";
        client.write_all(get).await.unwrap();
        let mut response = String::new();
        let read = client.read_to_string(&mut response);
        timeout(Duration::from_secs(30), read)
            .await
            .unwrap()
            .unwrap();
        assert!(response.ends_with("\r\n\r\nKevin"), "{response}");
    }
}
