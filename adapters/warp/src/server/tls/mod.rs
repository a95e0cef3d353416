//! TLS: the handshake, and the certificates.

mod files;
mod reload;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use logistics_service::ClientCertificate;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use crate::peer::Peer;
use crate::server::stall::StallTimeout;
use crate::server::version::Version;

pub use files::TlsError;
use files::{ALPN_HTTP2, Files};

/// TLS of the server: versions 1.2 and 1.3, with HTTP/2 and HTTP/1.1 by ALPN.
///
/// The server reads the files again while it runs. New connections use the new certificate, and existing connections stay. While
/// the files do not fit together, because one of them is not replaced yet or half written, the server keeps the previous ones
/// and logs an error.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// The certificate chain, PEM: the server's certificate first.
    pub certificate: PathBuf,
    /// The private key of the first certificate, PEM: PKCS #8, PKCS #1 or SEC1, not encrypted.
    pub key: PathBuf,
    /// The authorities that sign client certificates, PEM. A client without a certificate is accepted; a certificate that does
    /// not verify ends the handshake. Default none: the server requests no certificate.
    pub client_ca: Option<PathBuf>,
    /// Milliseconds of a handshake; a slower connection is closed. Default 10,000.
    pub handshake_timeout_ms: u64,
    /// Milliseconds between two readings of the files. Default 2,000.
    pub reload_ms: u64,
    /// Seconds for which a browser must use HTTPS with this name (`Strict-Transport-Security`, RFC 6797). 0 revokes it. Default
    /// one year.
    pub hsts_max_age_s: u64,
}

impl Tls {
    /// The defaults, with these files.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
            handshake_timeout_ms: 10_000,
            reload_ms: 2_000,
            hsts_max_age_s: 365 * 24 * 60 * 60,
        }
    }
}

/// Shakes hands with the current certificate.
pub(crate) struct Acceptor {
    settings: Tls,
    handshake_timeout: Duration,
    current: RwLock<Arc<ServerConfig>>,
    /// The files of `current`.
    files: Mutex<Files>,
}

/// A connection after its handshake.
pub(crate) struct Accepted {
    pub(crate) stream: TlsStream<StallTimeout>,
    pub(crate) version: Version,
    pub(crate) peer: Peer,
}

impl Acceptor {
    /// # Errors
    /// If a file is unreadable or malformed, or the key is not that of the certificate.
    pub(crate) fn new(settings: Tls) -> Result<Self, TlsError> {
        let files = Files::read(&settings)?;
        let current = RwLock::new(Arc::new(files.server_config(&settings)?));
        let handshake_timeout = Duration::from_millis(settings.handshake_timeout_ms);
        Ok(Self { settings, handshake_timeout, current, files: Mutex::new(files) })
    }

    pub(crate) async fn accept(&self, stream: StallTimeout, address: SocketAddr) -> io::Result<Accepted> {
        let config = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        let handshake = TlsAcceptor::from(config).accept(stream);
        let stream = timeout(self.handshake_timeout, handshake).await.map_err(|_| {
            io::Error::new(
                io::ErrorKind::TimedOut,
                "handshake timeout: the TLS handshake did not end in time",
            )
        })??;
        let (_, session) = stream.get_ref();
        let version = match session.alpn_protocol() {
            Some(ALPN_HTTP2) => Version::Http2,
            _ => Version::Http1,
        };
        let leaf = session.peer_certificates().and_then(<[_]>::first);
        let mut peer = Peer::new(address);
        peer.certificate = leaf.map(|leaf| Arc::new(ClientCertificate::new(leaf.to_vec())));
        peer.is_tls = true;
        Ok(Accepted { stream, version, peer })
    }
}
