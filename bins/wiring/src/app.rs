//! A process from its start to its end.

use std::net::SocketAddr;

use crate::http_server::HttpServer;
use crate::services::Services;
use crate::startup::{RetryPolicy, StartupCheck, wait_until_ready};
use logistics_cli_kit::{Failure, Signals};

/// A process that runs: its HTTP server and its services.
pub struct App {
    server: HttpServer,
    services: Services,
}

impl App {
    /// Waits until every check passes, and then starts the services. The server serves meanwhile, not ready. Can be
    /// cancelled.
    ///
    /// # Errors
    /// The sentence of the first part that refuses.
    pub async fn start(
        server: HttpServer,
        checks: Vec<StartupCheck>,
        begin: impl FnOnce() -> Services,
    ) -> Result<Self, Failure> {
        wait_until_ready(checks, RetryPolicy::default(), server.registry()).await?;
        let services = begin();
        server.registry().replace(services.probes());
        Ok(Self { server, services })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Every part can do its work.
    pub fn is_ready(&self) -> bool {
        self.server.is_ready()
    }

    /// Waits for a failure after which the work must not go on.
    pub async fn failed(&mut self) -> Failure {
        self.services.failed().await
    }

    /// Stops taking requests, finishes what is open, and leaves.
    pub async fn stop(self) {
        self.server.stop().await;
        self.services.drain().await;
    }
}

/// A service from its start until a signal has ended it: at once while its startup checks do not pass, otherwise in order; a
/// second signal ends it at once. A failure after which the work must not go on ends it in order too.
///
/// # Errors
/// One sentence, where it cannot start, must not go on, or was stopped at once.
pub async fn run(
    mut signals: Signals,
    server: HttpServer,
    checks: Vec<StartupCheck>,
    begin: impl FnOnce() -> Services,
) -> Result<(), Failure> {
    tracing::info!("Listening on http://{}", server.addr());
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
