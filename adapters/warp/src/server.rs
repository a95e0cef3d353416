//! The server: listening, connections, and an end within a bound.

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
use crate::guard::Impatient;

/// Milliseconds to wait after the system refused a connection, usually for want of file descriptors.
const ACCEPT_RETRY_MS: u64 = 50;
/// The least that hyper can hold of a connection: the head of a request, and how much of a pipelined one is read ahead.
const HEAD_BYTES_MIN: usize = 8 * 1024;
/// The most: no head of good faith is longer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The port is taken.
    #[error("cannot listen on {0}: another process listens there already; stop it or choose another port")]
    PortTaken(SocketAddr),
    /// The system does not allow it.
    #[error(
        "cannot listen on {0}: not permitted; ports below 1024 usually need privileges, choose another one"
    )]
    NotPermitted(SocketAddr),
    /// The address is not one of this machine.
    #[error("cannot listen on {0}: this machine does not have that address")]
    NoSuchAddress(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// Where.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
}

/// A server that has its port and serves once it [`run`](Server::run)s.
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

/// Takes the port. Clients that connect from now on wait until the server runs.
///
/// # Errors
/// [`ServeError`], a sentence that says what to do.
pub async fn bind(config: Config, api: Api) -> Result<Server, ServeError> {
    listen(config.listen, Served::Api(Box::new(Context::new(api, config)))).await
}

/// The same for a process without an API: `/health/live` and `/health/ready`, and nothing else.
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
    /// Where it listens; with the port that it got, where the configuration has port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready; then takes no more connections, lets running requests finish (those that wait for
    /// a decision are answered 202 at once), and returns within [`Config::drain_ms_max`].
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let Self { listener, served, .. } = self;
        let service = TowerToHyperService::new(warp::service(routes(served.clone())));
        let config = served.config();
        let http = http(config);
        let patience = Duration::from_millis(config.write_timeout_ms);
        let head_patience = Duration::from_millis(config.header_timeout_ms);
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let stream = tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => continue,
                stream = accept(&listener), if connections.len() < config.connections_max => stream,
            };
            let stream = Impatient::new(stream, patience, head_patience);
            let service = stream.watch(service.clone());
            let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
            connections.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended early");
                }
            });
        }
        drop(listener);
        served.closing().cancel();
        let bound = Duration::from_millis(config.drain_ms_max);
        if tokio::time::timeout(bound, graceful.shutdown()).await.is_err() {
            tracing::warn!("connections were closed that did not end within {} ms", bound.as_millis());
        }
        connections.shutdown().await;
    }
}

fn http(config: &Config) -> http1::Builder {
    let mut http = http1::Builder::new();
    // Hyper counts the time between two requests as time of the next head. The stream bounds the head itself.
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.idle_timeout_ms))
        .max_buf_size(head_bytes(config));
    http
}

/// What a connection may hold of a head, so that all connections together fit into the bound: by default 4,096 of
/// 16 KiB into 64 MiB. A bound of less than 8 KiB a connection is exceeded, because hyper takes that much anyway.
fn head_bytes(config: &Config) -> usize {
    let share = config.head_bytes_max / config.connections_max.max(1);
    share.clamp(HEAD_BYTES_MIN, HEAD_BYTES_MAX)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        let error = match listener.accept().await {
            Ok((stream, _)) => {
                // Replies are small and whole: held back, they would wait for the client's delayed acknowledgement.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps Nagle's algorithm");
                }
                return stream;
            }
            Err(error) => error,
        };
        // The client went away before it was its turn.
        let client_gone = [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset];
        if !client_gone.contains(&error.kind()) {
            tracing::warn!(%error, "could not take a connection");
            tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
        }
    }
}
