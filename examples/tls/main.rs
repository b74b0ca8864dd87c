//! HTTPS: a listener of tokio-rustls under `serve`, with HTTP/1 and HTTP/2 by ALPN, and a
//! certificate that it signs itself.
//!
//! ```text
//! cargo run --example tls                            serves itself one request, and ends
//! cargo run --example tls -- --listen 127.0.0.1:8443 serves until it is interrupted
//! curl --insecure https://127.0.0.1:8443/user
//! ```

mod client;
mod listener;

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use clap::Parser;
use meshpool::inbound::serve;
use meshpool::{InboundPool, Limits};

use self::listener::TlsListener;

#[derive(Parser)]
struct Args {
    /// Serves here until it is interrupted.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let args = Args::parse();
    let pool = InboundPool::new(
        Limits::new()
            .max_requests(100)
            .max_requests_per_connection(1000),
    );
    let app = Router::new()
        .route("/user", get(|| async { "Kevin" }))
        .layer(pool.layer());
    let addr = args.listen.unwrap_or(([127, 0, 0, 1], 0).into());
    let (listener, certificate) = TlsListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    println!("listening on {addr}");

    let server = serve(listener, app).pool(&pool);
    if args.listen.is_some() {
        server
            .with_graceful_shutdown(async {
                let _ = tokio::signal::ctrl_c().await;
            })
            .await;
    } else {
        let (done, asked) = tokio::sync::oneshot::channel();
        let client = tokio::spawn(async move {
            let answer = client::ask(addr, certificate).await;
            let _ = done.send(());
            answer
        });
        server
            .with_graceful_shutdown(async {
                let _ = asked.await;
            })
            .await;
        println!("{}", client.await??);
    }
    Ok(())
}
