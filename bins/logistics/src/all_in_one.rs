//! All in one process: API, processors and notifications on an engine.

use std::net::SocketAddr;

use logistics_cli_kit::Failure;
use logistics_core::port::StartAt;
use logistics_wiring::{App, Deciding, HttpArgs, HttpServer, NewNotifier, REQUEST_BYTES_DEFAULT, Services};

use crate::engine::Engine;

/// What runs on the engine.
pub(crate) struct AllInOneConfig {
    /// `None`: orders are taken and nothing is decided.
    pub(crate) deciding: Option<Deciding>,
    /// Made once everything else is there; `None`: nobody is told.
    pub(crate) notifier: Option<NewNotifier>,
    /// Where its group starts that has no position; `None`: as the log suggests.
    pub(crate) notify_from: Option<StartAt>,
}

/// All in one, running.
pub(crate) struct AllInOne {
    pub(crate) engine: Engine,
    app: App,
}

impl AllInOne {
    /// The API of an engine. It serves when this answers, not ready yet; no service has started.
    ///
    /// # Errors
    /// One sentence, where the address cannot be used.
    pub(crate) async fn listen(
        engine: &Engine,
        listen: SocketAddr,
        http: &HttpArgs,
        request_bytes_max: u64,
    ) -> Result<HttpServer, Failure> {
        HttpServer::api(listen, http, request_bytes_max, engine.bus(), engine.store()).await
    }

    /// Waits until everything that the engine requires is there, and starts everything. Can be cancelled.
    ///
    /// # Errors
    /// One sentence, where something refuses.
    pub(crate) async fn start(
        engine: Engine,
        server: HttpServer,
        config: AllInOneConfig,
    ) -> Result<Self, Failure> {
        let (bus, store) = (engine.bus(), engine.store());
        let begin = || {
            let mut services = Services::default().watched(engine.watch()).until(engine.failed());
            if let Some(how) = config.deciding {
                services = services.deciding(bus.clone(), store, how);
            }
            match config.notifier {
                Some(new) => services.notifying(bus, new(), config.notify_from),
                None => services,
            }
        };
        let app = App::start(server, engine.startup_checks(), begin).await?;
        Ok(Self { engine, app })
    }

    /// On a data directory, listening on a free port of this machine.
    ///
    /// # Errors
    /// One sentence, where the data or the address cannot be used.
    pub(crate) async fn local(
        data: logistics_embedded::Config,
        config: AllInOneConfig,
    ) -> Result<Self, Failure> {
        let engine = Engine::embedded(data).await?;
        let server =
            Self::listen(&engine, ([127, 0, 0, 1], 0).into(), &HttpArgs::default(), REQUEST_BYTES_DEFAULT)
                .await?;
        Self::start(engine, server, config).await
    }

    /// Where the API listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.app.addr()
    }

    /// Every part can do its work.
    pub(crate) fn is_ready(&self) -> bool {
        self.app.is_ready()
    }

    /// Waits for a failure after which the work must not go on.
    pub(crate) async fn failed(&mut self) -> Failure {
        self.app.failed().await
    }

    /// Stops taking requests, finishes what is open, and closes the data.
    ///
    /// # Errors
    /// One sentence, where the data could not be closed. Nothing is lost by that.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.app.stop().await;
        self.engine.close()
    }
}
