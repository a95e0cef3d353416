//! The server: it listens, serves connections, and drains them within a limit.

mod timeouts;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use logistics_core::health::HealthProbe;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::context::{Api, Context, HealthContext, Served};
use crate::filter::routes;
use crate::peer::Peer;
use crate::server::timeouts::TimeoutStream;

/// Milliseconds to wait after a failed `accept`, which usually means that there are no file descriptors left.
const ACCEPT_RETRY_MS: u64 = 50;
/// The smallest buffer that hyper permits for a connection: the head of a request, and what is read ahead of a pipelined one.
const HEAD_BYTES_MIN: usize = 8 * 1024;
/// The largest buffer of a connection; usual heads are far shorter.
const HEAD_BYTES_MAX: usize = 64 * 1024;

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
}

/// A server that listens. [`run`](Server::run) serves its connections.
#[must_use = "a server serves nothing until it runs"]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    served: Arc<Served>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Listens on [`Config::listen`]. Clients that connect from now on wait until the server runs.
///
/// # Errors
/// [`ServeError`] if the address is taken, not permitted or not of this machine; it says what to do.
pub async fn bind(config: Config, api: Api) -> Result<Server, ServeError> {
    listen(config.listen, Served::Api(Box::new(Context::new(api, config)))).await
}

/// The same for a process without an API: the server answers `/health/live` and `/health/ready` only.
///
/// # Errors
/// As for [`bind`].
pub async fn bind_health(config: Config, health: Arc<dyn HealthProbe>) -> Result<Server, ServeError> {
    let closing = CancellationToken::new();
    listen(config.listen, Served::Health(Box::new(HealthContext { health, config, closing }))).await
}

async fn listen(wanted: SocketAddr, served: Served) -> Result<Server, ServeError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ServeError::PortTaken(wanted),
        io::ErrorKind::PermissionDenied => ServeError::NotPermitted(wanted),
        io::ErrorKind::AddrNotAvailable => ServeError::NoSuchAddress(wanted),
        _ => ServeError::Io { address: wanted, source },
    };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Server { listener, address, served: Arc::new(served) })
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
        let Self { listener, served, .. } = self;
        let service = TowerToHyperService::new(warp::service(routes(served.clone())));
        let config = served.config();
        let http = http(config);
        let write_timeout = Duration::from_millis(config.write_timeout_ms);
        let head_timeout = Duration::from_millis(config.header_timeout_ms);
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let (stream, address) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                accepted = accept(&listener), if connections.len() < config.connections_max => accepted,
            };
            let stream = TimeoutStream::new(stream, write_timeout, head_timeout);
            let service = stream.watch(service.clone(), Peer::new(address));
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            connections.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "connection ended early");
                }
            });
        }
        drop(listener);
        served.closing().cancel();
        let bound = Duration::from_millis(config.drain_ms_max);
        if tokio::time::timeout(bound, graceful.shutdown()).await.is_err() {
            tracing::warn!("closing connections that did not finish within {} ms", bound.as_millis());
        }
        connections.shutdown().await;
    }
}

fn http(config: &Config) -> http1::Builder {
    let mut http = http1::Builder::new();
    // hyper counts the idle time before a head as time of the head. `TimeoutStream` limits the head itself.
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.idle_timeout_ms))
        .max_buf_size(head_bytes(config));
    http
}

/// The buffer of one connection, in bytes: its share of [`Config::head_bytes_max`], by default 16 KiB. With a share below 8 KiB
/// the total exceeds the limit, because hyper needs that much.
fn head_bytes(config: &Config) -> usize {
    let share = config.head_bytes_max / config.connections_max.max(1);
    share.clamp(HEAD_BYTES_MIN, HEAD_BYTES_MAX)
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
