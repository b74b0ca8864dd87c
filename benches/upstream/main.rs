//! What `benches/proxy/run` puts behind the proxies: answers `Kevin`, as the guide's `user` does.
//!
//! Prints its two addresses, `http1 ADDR` and `http2 ADDR`, and ends when its standard input does.

mod server;

use std::env;
use std::io;

use bytes::Bytes;

fn main() -> io::Result<()> {
    // `cargo bench` and `cargo test --benches` look for something to run, and there is nothing.
    if !env::args().any(|arg| arg == "--serve") {
        return Ok(());
    }
    let addresses = server::start(Bytes::from_static(b"Kevin"));
    println!("http1 {}", addresses.http1);
    println!("http2 {}", addresses.http2);
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
