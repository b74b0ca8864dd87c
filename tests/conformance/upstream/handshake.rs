//! TLS whose handshake is held: the connection is there, and the proxy is still connecting.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::server::TlsStream;

use super::connection::{Command, Connection, Socket};
use crate::scenario::{By, Cut, Protocol};

/// How often it looks whether the proxy is still there. What it has sent stays unread, so that the
/// socket is readable all the while, and only a look tells.
const LOOK: Duration = Duration::from_millis(2);

/// Holds the handshake until it is told how it ends. `None`: there is no connection any more.
pub(super) async fn hold(
    connection: &mut Connection,
    socket: TcpStream,
) -> Option<TlsStream<TcpStream>> {
    let open = connection.shared.state.lock().unwrap().open;
    if open {
        return finish(connection, socket).await;
    }
    loop {
        tokio::select! {
            command = connection.commands.recv() => match command? {
                Command::Handshake { cut: None, done } => {
                    let socket = finish(connection, socket).await;
                    let _ = done.send(());
                    return socket;
                }
                Command::Handshake { cut: Some(cut), done } => {
                    fail(connection, socket, cut);
                    let _ = done.send(());
                    return None;
                }
                Command::Cut(cut) => {
                    fail(connection, socket, cut);
                    return None;
                }
                // There is no request yet, and no HTTP/2.
                Command::Reply { .. } | Command::Goaway | Command::Settings(_) => {}
            },
            () = tokio::time::sleep(LOOK) => {
                let ready = socket.ready(Interest::READABLE).await;
                if ready.map_or(true, |ready| ready.is_read_closed()) {
                    connection.abandoned();
                    return None;
                }
            }
        }
    }
}

async fn finish(connection: &Connection, socket: TcpStream) -> Option<TlsStream<TcpStream>> {
    let acceptor = acceptor(connection.shared.protocol);
    match acceptor.accept(socket).await {
        Ok(socket) => Some(socket),
        Err(_) => {
            connection.closed(By::Proxy, []);
            None
        }
    }
}

fn fail(connection: &Connection, socket: TcpStream, cut: Cut) {
    match cut {
        Cut::Rst => socket.reset_on_drop(),
        // What is left unread would turn the close into a reset.
        Cut::Close => while matches!(socket.try_read(&mut [0; 4096]), Ok(read) if read > 0) {},
    }
    drop(socket);
    connection.closed(By::Upstream, []);
}

/// A certificate that nobody has reason to trust.
fn acceptor(protocol: Protocol) -> TlsAcceptor {
    static CONFIG: OnceLock<ServerConfig> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.cert.der().clone()], key.into())
            .unwrap()
    });
    let mut config = config.clone();
    config.alpn_protocols = vec![match protocol {
        Protocol::H1 => b"http/1.1".to_vec(),
        Protocol::H2 => b"h2".to_vec(),
    }];
    TlsAcceptor::from(Arc::new(config))
}
