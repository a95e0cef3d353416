//! The server: it listens, serves connections, and drains them within a limit.

mod connection;
mod frames;
mod head;
mod http;
mod stall;
mod streams;
mod tls;
mod turns;
mod version;
mod watched;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::service::TowerToHyperService;
use logistics_core::health::HealthProbe;
use logistics_core::observe::Exposition;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Config;
use crate::context::{Api, Context, HealthContext, Served};
use crate::filter::routes;
use crate::server::connection::Shared;
use crate::server::tls::Acceptor;

/// Milliseconds to wait after a failed `accept`, which usually means that there are no file descriptors left.
const ACCEPT_RETRY_MS: u64 = 50;
pub use tls::{Tls, TlsError};

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another process listens on the port.
    #[error("cannot listen on {0}: another process listens there already; stop it or choose another port")]
    PortTaken(SocketAddr),
    /// The process has no permission to listen there.
    #[error(
        "cannot listen on {0}: not permitted; choose another port, because ports below 1024 usually need privileges"
    )]
    NotPermitted(SocketAddr),
    /// This machine does not have the address.
    #[error("cannot listen on {0}: this machine does not have that address")]
    NoSuchAddress(SocketAddr),
    /// Any other error of the system.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The files of [`Config::tls`] cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server that listens. [`run`](Server::run) serves its connections.
#[must_use = "a server serves nothing until it runs"]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    served: Arc<Served>,
    tls: Option<Arc<Acceptor>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Listens on [`Config::listen`]. Clients that connect from now on wait until the server runs.
///
/// # Errors
/// [`ServeError`] if the address is taken, not permitted or not of this machine, or a file of TLS cannot be used; it says what
/// to do.
pub async fn bind(config: Config, api: Api) -> Result<Server, ServeError> {
    listen(config.listen, Served::Api(Box::new(Context::new(api, config)))).await
}

/// The same for a process without an API: the server answers `/health/live`, `/health/ready` and, if there are
/// `metrics`, `/metrics`. It identifies no callers.
///
/// # Errors
/// As for [`bind`].
pub async fn bind_health(
    config: Config,
    health: Arc<dyn HealthProbe>,
    metrics: Option<Arc<dyn Exposition>>,
) -> Result<Server, ServeError> {
    let closing = CancellationToken::new();
    listen(config.listen, Served::Health(Box::new(HealthContext { health, metrics, config, closing }))).await
}

async fn listen(wanted: SocketAddr, served: Served) -> Result<Server, ServeError> {
    let tls = served.config().tls.clone().map(Acceptor::new).transpose()?.map(Arc::new);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortTaken(wanted),
        io::ErrorKind::PermissionDenied => ServeError::NotPermitted(wanted),
        io::ErrorKind::AddrNotAvailable => ServeError::NoSuchAddress(wanted),
        _ => ServeError::Io { address: wanted, source },
    };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Server { listener, address, served: Arc::new(served), tls })
}

impl Server {
    /// The address of the listener. It has the actual port if [`Config::listen`] has port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, then drains and returns within [`Config::drain_ms_max`]. Draining accepts no
    /// connection and finishes running requests. Those that wait for a decision are answered 202 at once.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { listener, served, tls, .. } = self;
        let config = served.config();
        let stopping = CancellationToken::new();
        let service = TowerToHyperService::new(warp::service(routes(served.clone())));
        let shared = Arc::new(Shared::new(service, config, tls.clone(), stopping.clone()));
        let _reload = tls.map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.reload())));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let (stream, address) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(&listener), if connections.len() < config.connections_max => accepted,
            };
            let shared = shared.clone();
            connections.spawn(async move { shared.serve(stream, address).await });
        }
        drop(listener);
        served.closing().cancel();
        stopping.cancel();
        let bound = Duration::from_millis(config.drain_ms_max);
        let drained = async {
            while connections.join_next().await.is_some() {}
            served.sockets_closed().await;
        };
        if tokio::time::timeout(bound, drained).await.is_err() {
            tracing::warn!("closing connections that did not finish within {} ms", bound.as_millis());
        }
        connections.shutdown().await;
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok((stream, address)) => {
                // A reply is one small write. With Nagle's algorithm it could wait for the client's delayed acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "could not disable Nagle's algorithm on a connection");
                }
                return (stream, address);
            }
            Err(error) => error,
        };
        // The client left the listen queue.
        let client_gone = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
        if !client_gone.contains(&error.kind()) {
            tracing::warn!(%error, "could not accept a connection; retrying");
            tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
        }
    }
}
