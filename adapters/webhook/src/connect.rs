//! Connections, to addresses that were checked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use logistics_core::webhook::{SendError, SendErrorKind};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::Host;

use crate::address::is_public;
use crate::body::Body;
use crate::options::{ADDRESSES_MAX, CONNECT_MS_MAX, SenderOptions};
use crate::resolve::Resolve;
use crate::target::Origin;

/// A connection. Dropping it closes it.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Body>,
    _task: AbortOnDropHandle<()>,
}

pub(crate) struct Connector {
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
    allow_private: bool,
}

impl Connector {
    /// # Errors
    /// No certificate is trusted.
    pub(crate) fn new(resolver: Arc<dyn Resolve>, options: &SenderOptions) -> Result<Self, String> {
        let tls = TlsConnector::from(Arc::new(tls(&options.extra_roots)?));
        Ok(Self { resolver, tls, allow_private: options.allow_private })
    }

    /// Resolves the host once, checks every address, and connects to one of the addresses that it checked.
    ///
    /// # Errors
    /// [`SendError`], without addresses.
    pub(crate) async fn connect(&self, origin: &Origin) -> Result<Connection, SendError> {
        let addresses = self.addresses(origin).await?;
        let stream = connect_any(addresses, origin.port).await?;
        // Fails only for a closed socket.
        let _ = stream.set_nodelay(true);
        if !origin.is_https {
            return open(TokioIo::new(stream)).await;
        }
        let broken = |error: std::io::Error| {
            SendError::new(SendErrorKind::Tls, format!("no TLS with the endpoint: {error}"))
        };
        let stream = self.tls.connect(origin.server_name()?, stream).await.map_err(broken)?;
        open(TokioIo::new(stream)).await
    }

    async fn addresses(&self, origin: &Origin) -> Result<Vec<IpAddr>, SendError> {
        let mut addresses = match &origin.host {
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
            Host::Domain(name) => self.resolver.resolve(name).await.map_err(|_| unresolved())?,
        };
        if addresses.is_empty() {
            return Err(unresolved());
        }
        // One private address is enough: an attacker who controls the name would mix it with public ones.
        if !self.allow_private && !addresses.iter().copied().all(is_public) {
            let text = "the host of the endpoint has an address that is not public";
            return Err(SendError::new(SendErrorKind::PrivateAddress, text));
        }
        addresses.truncate(ADDRESSES_MAX);
        Ok(addresses)
    }
}

fn unresolved() -> SendError {
    SendError::new(SendErrorKind::Resolve, "the host of the endpoint has no address")
}

async fn connect_any(addresses: Vec<IpAddr>, port: u16) -> Result<TcpStream, SendError> {
    let limit = Duration::from_millis(CONNECT_MS_MAX);
    let mut why = "no answer in time".to_owned();
    for address in addresses {
        match timeout(limit, TcpStream::connect(SocketAddr::new(address, port))).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => why = error.kind().to_string(),
            Err(_) => {}
        }
    }
    Err(SendError::new(SendErrorKind::Connect, format!("no connection to the endpoint: {why}")))
}

async fn open<T>(io: TokioIo<T>) -> Result<Connection, SendError>
where
    TokioIo<T>: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let broken = |_| SendError::new(SendErrorKind::Protocol, "the endpoint closed the connection");
    let (sender, connection) = handshake(io).await.map_err(broken)?;
    let task = tokio::spawn(async move {
        // The error of a request reaches its caller; that of an idle connection matters to no caller.
        let _ = connection.await;
    });
    Ok(Connection { sender, _task: AbortOnDropHandle::new(task) })
}

fn tls(extra_roots: &[Vec<u8>]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    roots.add_parsable_certificates(extra_roots.iter().map(|der| der.clone().into()));
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(format!("the system has no trusted certificates ({why}); install ca-certificates"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| format!("TLS cannot start: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
