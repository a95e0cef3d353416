//! One connection, from its first byte to its end.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, Service};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::GracefulConnection;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::peer::Peer;
use crate::server::frames::Frames;
use crate::server::head::{HeadTimeout, Rule};
use crate::server::http;
use crate::server::stall::StallTimeout;
use crate::server::streams::{Ended, Streams};
use crate::server::tls::Acceptor;
use crate::server::turns::Turns;
use crate::server::version::{self, Start, Version};
use crate::server::watched::{Requests, Watched};

/// A connection without TLS, or with it.
type Transport = Either<StallTimeout, Box<TlsStream<StallTimeout>>>;
type BoxError = Box<dyn Error + Send + Sync>;

/// What the connections of a server share.
pub(crate) struct Shared<S> {
    service: S,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    tls: Option<Arc<Acceptor>>,
    /// Limits the requests of all HTTP/2 connections.
    permits: Arc<Semaphore>,
    limits: Limits,
    /// The server stops.
    stopping: CancellationToken,
}

struct Limits {
    head: Duration,
    idle: Duration,
    write: Duration,
    close: Duration,
}

/// A connection whose version is known.
struct Open {
    stream: Transport,
    start: Start,
    peer: Peer,
}

impl<S> Shared<S>
where
    S: Service<Request<Incoming>, Response = warp::reply::Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError> + Send + 'static,
{
    pub(crate) fn new(
        service: S,
        config: &Config,
        tls: Option<Arc<Acceptor>>,
        stopping: CancellationToken,
    ) -> Self {
        let limits = Limits {
            head: Duration::from_millis(config.header_timeout_ms),
            idle: Duration::from_millis(config.idle_timeout_ms),
            write: Duration::from_millis(config.write_timeout_ms),
            close: Duration::from_millis(config.drain_ms_max),
        };
        let permits = Arc::new(Semaphore::new(config.connections_max.min(Semaphore::MAX_PERMITS)));
        let (http1, http2) = (http::http1(config), http::http2(config));
        Self { service, http1, http2, tls, permits, limits, stopping }
    }

    /// Serves a connection until it ends.
    pub(crate) async fn serve(&self, stream: TcpStream, address: SocketAddr) {
        // A token of its own: connections would contend for a common one.
        let stop = self.stopping.child_token();
        // Boxed, because the task keeps the size of its largest part while it serves, and most connections are idle.
        let open = Box::pin(self.open(stream, address));
        let served = match stop.run_until_cancelled(open).await {
            // No request has begun.
            None | Some(Ok(None)) => Ok(()),
            Some(Ok(Some(open))) => self.requests(open, &stop).await,
            Some(Err(error)) => Err(error.into()),
        };
        if let Err(error) = served {
            tracing::debug!(%error, "connection ended early");
        }
    }

    /// Shakes hands if the server has TLS, and finds the version of HTTP.
    async fn open(&self, stream: TcpStream, address: SocketAddr) -> io::Result<Option<Open>> {
        let stream = StallTimeout::new(stream, self.limits.write);
        let Some(tls) = &self.tls else {
            let (mut stream, peer) = (Either::Left(stream), Peer::new(address));
            let start = version::start(&mut stream, self.limits.idle, self.limits.head).await?;
            return Ok(start.map(|start| Open { stream, start, peer }));
        };
        let accepted = tls.accept(stream, address).await?;
        let start = Start {
            version: accepted.version,
            bytes: Bytes::new(),
            deadline: Instant::now() + self.limits.head,
        };
        Ok(Some(Open { stream: Either::Right(Box::new(accepted.stream)), start, peer: accepted.peer }))
    }

    async fn requests(&self, open: Open, stop: &CancellationToken) -> Result<(), BoxError> {
        let Open { stream, start, peer } = open;
        let limit = self.limits.head;
        match start.version {
            Version::Http1 => {
                let turns = Turns::default();
                let rule = Rule::Turns { turns: turns.clone(), turn: 0 };
                // Under TLS no byte of a head has arrived yet.
                let deadline = (!start.bytes.is_empty()).then_some(start.deadline);
                let stream = HeadTimeout::new(stream, start.bytes, limit, rule, deadline);
                let service = Watched::new(self.service.clone(), peer, Requests::Http1(turns));
                let connection = self.http1.serve_connection(TokioIo::new(stream), service);
                drive(Box::pin(connection.with_upgrades()), stop).await
            }
            Version::Http2 => {
                let streams = Streams::new(self.permits.clone());
                let rule = Rule::Frames(Frames::new());
                let stream = HeadTimeout::new(stream, start.bytes, limit, rule, Some(start.deadline));
                let service = Watched::new(self.service.clone(), peer, Requests::Http2(streams.clone()));
                let connection = self.http2.serve_connection(TokioIo::new(stream), service);
                Box::pin(self.drive_streams(connection, &streams, stop)).await
            }
        }
    }

    /// Runs an HTTP/2 connection. hyper does not limit its idle time, and not the time that a reply waits for a window.
    async fn drive_streams<C>(
        &self,
        connection: C,
        streams: &Streams,
        stop: &CancellationToken,
    ) -> Result<(), BoxError>
    where
        C: GracefulConnection<Error: Into<BoxError>>,
    {
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            biased;
            end = &mut connection => return end.map_err(Into::into),
            ended = streams.ended(self.limits.idle, self.limits.write) => ended,
            // The server limits the time of what follows.
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                return connection.await.map_err(Into::into);
            }
        };
        match ended {
            Ended::Stalled => Err("write timeout: the client does not read a reply".into()),
            Ended::Idle => {
                connection.as_mut().graceful_shutdown();
                match timeout(self.limits.close, connection).await {
                    Ok(end) => end.map_err(Into::into),
                    Err(_) => Ok(()),
                }
            }
        }
    }
}

/// Runs a connection of HTTP/1. When the server stops, the current request is the last. A WebSocket leaves the connection.
async fn drive<I, S, B>(
    mut connection: Pin<Box<http1::UpgradeableConnection<I, S>>>,
    stop: &CancellationToken,
) -> Result<(), BoxError>
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + Send + 'static,
    B: Body<Error: Into<BoxError>> + 'static,
{
    tokio::select! {
        biased;
        end = &mut connection => return end.map_err(Into::into),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await.map_err(Into::into)
}
