//! The quick start of the README: an axum service with limits.
//!
//! ```sh
//! cargo run --example quickstart
//! ```

use axum::{Router, routing::get};
use meshpool::{InboundPool, Limits};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let pool = InboundPool::new(Limits::new().max_requests(100).max_pending_requests(20));
    let app = Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .layer(pool.layer());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/user", listener.local_addr()?);
    axum::serve(listener, app).await
}
