//! The other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use logistics_service::ClientCertificate;

/// The other end of a connection. [`Server`](crate::Server) attaches it to each request as an extension. A program that mounts
/// the [filter](crate::filter()) or the [service](crate::service()) attaches it itself; without it, the client's address and
/// certificate are unknown.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Peer {
    /// The address of the client, or of the last proxy.
    pub address: SocketAddr,
    /// The verified client certificate of the TLS connection.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// The connection is TLS.
    pub is_tls: bool,
    /// The connections have too many requests, so this one is refused.
    pub(crate) is_refused: bool,
}

impl Peer {
    /// The client of a connection without TLS.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, certificate: None, is_tls: false, is_refused: false }
    }
}
