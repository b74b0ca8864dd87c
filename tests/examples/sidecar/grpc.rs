//! What is answered to those who speak gRPC.

#[path = "../../../examples/sidecar/grpc.rs"]
mod mapping;

use http::StatusCode;

use super::{Sidecar, nobody};
use crate::upstream::Upstream;

/// As Envoy maps them.
const STATUSES: &[(u16, &str)] = &[
    (400, "13"),
    (401, "16"),
    (403, "7"),
    (404, "12"),
    (405, "2"),
    (408, "2"),
    (413, "2"),
    (429, "14"),
    (431, "2"),
    (500, "2"),
    (501, "2"),
    (502, "14"),
    (503, "14"),
    (504, "14"),
];

#[test]
fn each_status_of_http_has_one_of_grpcs() {
    for (http, expected) in STATUSES {
        let status = mapping::status(StatusCode::from_u16(*http).unwrap());
        assert_eq!(status, expected, "{http}");
    }
}

#[test]
fn grpc_is_asked_for_by_its_media_type_and_not_by_a_tunnel() {
    for (method, content_type, expected) in [
        ("POST", "application/grpc", true),
        ("POST", "application/grpc+proto", true),
        ("HEAD", "application/grpc", true),
        ("POST", "application/grpc-web", false),
        ("POST", "application/json", false),
        ("CONNECT", "application/grpc", false),
    ] {
        let request = http::Request::builder()
            .method(method)
            .header("content-type", content_type)
            .body(())
            .unwrap();
        assert_eq!(
            mapping::is_asked(&request),
            expected,
            "{method} {content_type}"
        );
    }
}

#[tokio::test]
async fn what_the_client_did_wrong_is_no_unavailability() {
    let mut upstream = Upstream::start().await;
    let mut sidecar = Sidecar::start(&upstream, &[]).await;
    let request = "POST / HTTP/1.1\nhost: up\ncontent-type: application/grpc\n\
                   transfer-encoding: chunked\n\n";
    let mut raw = sidecar.raw(request).await;
    let _arrival = upstream.next().await;
    raw.send("no chunk\n").await;
    let reply = raw.until("\n\n").await;
    assert!(
        reply.starts_with(
            "HTTP/1.1 200 OK\ncontent-type: application/grpc\ngrpc-status: 13\n\
             grpc-message: Bad Request\n"
        ),
        "{reply}"
    );
    sidecar.logs("POST / 200 DPE").await;
}

#[tokio::test]
async fn a_head_gets_no_message() {
    let sidecar = Sidecar::before(&nobody(), &[]).await;
    let request = "HEAD / HTTP/1.1\nhost: up\ncontent-type: application/grpc\n\n";
    assert_eq!(
        sidecar.raw(request).await.until("\n\n").await,
        "HTTP/1.1 200 OK\ncontent-type: application/grpc\ngrpc-status: 14\n\n"
    );
}

#[tokio::test]
async fn a_tunnel_is_refused_in_http() {
    let sidecar = Sidecar::before(&nobody(), &[]).await;
    let request = "CONNECT up:80 HTTP/1.1\nhost: up:80\ncontent-type: application/grpc\n\n";
    assert_eq!(
        sidecar.raw(request).await.until("\n\n").await,
        "HTTP/1.1 404 Not Found\ncontent-length: 0\n\n"
    );
}
