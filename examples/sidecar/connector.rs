//! How connections to the upstream are opened.

use std::sync::{Arc, Weak};

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use meshpool::Limits;
use meshpool::limits::{Destination, LimitsSource, Subscriber};
use meshpool::outbound::KeepAliveConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{self, CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::BoxError;
use crate::flags::{Flags, UpstreamProtocol};
use crate::rules::Rules;

type Connector = HttpsConnector<KeepAliveConnector<HttpConnector>>;

/// The limits as the rules alone have them: each connect asks.
struct Said(Arc<Rules>);

impl LimitsSource for Said {
    fn limits(&self, destination: &Destination) -> Limits {
        self.0.source().limits(destination)
    }

    fn revision(&self) -> u64 {
        self.0.revision()
    }

    fn subscribe(&self, subscriber: Weak<Subscriber>) {
        self.0.subscribe(subscriber);
    }
}

pub(crate) fn connector(flags: &Flags, rules: Arc<Rules>) -> Result<Connector, BoxError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let tcp = KeepAliveConnector::new(tcp, Said(rules));
    let builder = HttpsConnectorBuilder::new()
        .with_tls_config(tls(flags)?)
        .https_or_http();
    // What is offered in the handshake.
    Ok(match flags.upstream_protocol {
        UpstreamProtocol::H1 => builder.enable_http1().wrap_connector(tcp),
        UpstreamProtocol::H2 => builder.enable_http2().wrap_connector(tcp),
        UpstreamProtocol::Auto => builder.enable_all_versions().wrap_connector(tcp),
    })
}

fn tls(flags: &Flags) -> Result<ClientConfig, BoxError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    Ok(match (flags.upstream.is_tls(), flags.upstream_insecure) {
        // The system's certificates take a while to load, and nobody will look at them.
        (false, _) => builder.with_root_certificates(RootCertStore::empty()),
        (true, false) => builder.with_native_roots()?,
        (true, true) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
    }
    .with_no_client_auth())
}

/// Takes anybody for the upstream who has the key of the certificate that is shown, whatever that
/// says.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
