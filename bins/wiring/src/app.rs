//! The start and end of a process.

use std::net::SocketAddr;

use crate::http_server::HttpServer;
use crate::services::Services;
use crate::startup::{RetryPolicy, StartupCheck, wait_until_ready};
use logistics_cli_kit::{Failure, Signals};

/// A running process: its HTTP server and its services.
pub struct App {
    server: HttpServer,
    services: Services,
}

impl App {
    /// Waits until every check passes, and then starts the services. Until then, the server is live and not ready. Safe to
    /// cancel.
    ///
    /// # Errors
    /// The first unsuitable dependency.
    pub async fn start(
        server: HttpServer,
        checks: Vec<StartupCheck>,
        begin: impl FnOnce() -> Services,
    ) -> Result<Self, Failure> {
        wait_until_ready(checks, RetryPolicy::default(), server.registry()).await?;
        let services = begin();
        server.registry().replace(services.probes().into_iter().chain(server.probes()).collect());
        Ok(Self { server, services })
    }

    /// The server's address.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Whether every part is ready.
    pub fn is_ready(&self) -> bool {
        self.server.is_ready()
    }

    /// Waits for a failure that must end the process.
    pub async fn failed(&mut self) -> Failure {
        self.services.failed().await
    }

    /// Stops the server and drains the services.
    pub async fn stop(self) {
        self.server.stop().await;
        self.services.drain().await;
    }
}

/// Runs a service until a signal or a failure that must end the process. Before its startup checks pass, a signal ends it at
/// once. Later, it drains, and a second signal ends it at once.
///
/// # Errors
/// If the service cannot start, failed, or did not drain.
pub async fn run(
    mut signals: Signals,
    server: HttpServer,
    checks: Vec<StartupCheck>,
    begin: impl FnOnce() -> Services,
) -> Result<(), Failure> {
    tracing::info!("Listening on {}", server.url());
    let mut app = tokio::select! {
        app = App::start(server, checks, begin) => app?,
        () = signals.stop() => return Ok(()),
    };
    let ended = tokio::select! {
        () = signals.stop() => Ok(()),
        failure = app.failed() => Err(failure),
    };
    tracing::info!("Draining...");
    let stop = async {
        app.stop().await;
        ended
    };
    signals.bounded(stop).await
}
