//! All in one process: API, processors and notifications on an engine.

use std::net::SocketAddr;

use logistics_cli_kit::Failure;
use logistics_core::port::StartAt;
use logistics_core::wire::LogKeys;
use logistics_wiring::{
    App, Deciding, EmailDelivery, HttpArgs, HttpServer, NewNotifier, REQUEST_BYTES_DEFAULT, Services,
    Telemetry, WebhookDelivery,
};

use crate::engine::Engine;

/// The services that run on the engine.
pub(crate) struct AllInOneConfig {
    /// `None`: requests are accepted and not decided.
    pub(crate) deciding: Option<Deciding>,
    /// Created after all startup checks have passed. `None`: no notifications are delivered.
    pub(crate) notifier: Option<NewNotifier>,
    /// Where a notification group without a position starts. `None`: the log's default.
    pub(crate) notify_from: Option<StartAt>,
    /// `None`: no e-mails are sent.
    pub(crate) email: Option<EmailDelivery>,
    /// `None`: nothing is delivered to webhook endpoints.
    pub(crate) webhooks: Option<WebhookDelivery>,
}

/// The running process.
pub(crate) struct AllInOne {
    pub(crate) engine: Engine,
    app: App,
}

impl AllInOne {
    /// Starts the API of an engine, which signs its requests with the first of `log_keys`. It is live but not ready, and no other service has started.
    ///
    /// # Errors
    /// One sentence, if the address cannot be used.
    pub(crate) async fn listen(
        engine: &Engine,
        listen: SocketAddr,
        http: &HttpArgs,
        request_bytes_max: u64,
        log_keys: Option<LogKeys>,
        telemetry: &Telemetry,
    ) -> Result<HttpServer, Failure> {
        let http = engine.shared_limits(http.clone());
        HttpServer::api(listen, &http, request_bytes_max, engine.api_ports(telemetry), log_keys, telemetry)
            .await
    }

    /// Waits for the startup checks of the engine, then starts the services. Can be cancelled.
    ///
    /// # Errors
    /// One sentence, if a dependency is unsuitable.
    pub(crate) async fn start(
        engine: Engine,
        server: HttpServer,
        config: AllInOneConfig,
        telemetry: &Telemetry,
    ) -> Result<Self, Failure> {
        let (bus, store) = (engine.bus(), engine.store());
        let begin = || {
            engine.gauge(telemetry);
            let mut services =
                Services::new(telemetry).watched(engine.health(telemetry)).until(engine.failed());
            if let Some(how) = config.deciding {
                services = services.deciding(bus.clone(), store, how);
            }
            services = services.mailing(bus.clone(), config.email, config.notify_from);
            services = services.delivering(bus.clone(), config.webhooks);
            match config.notifier {
                Some(new) => services.notifying(bus, new(), config.notify_from),
                None => services,
            }
        };
        let app = App::start(server, engine.startup_checks(), begin).await?;
        Ok(Self { engine, app })
    }

    /// Starts everything on a data directory, listening on a free local port.
    ///
    /// # Errors
    /// One sentence, if the data or the address cannot be used.
    pub(crate) async fn local(
        data: logistics_embedded::Config,
        config: AllInOneConfig,
    ) -> Result<Self, Failure> {
        let engine = Engine::embedded(data).await?;
        let telemetry = Telemetry::new(crate::names::PROGRAM, crate::names::PROGRAM);
        let log_keys = config.deciding.as_ref().and_then(|deciding| deciding.log_keys.clone());
        let server = Self::listen(
            &engine,
            ([127, 0, 0, 1], 0).into(),
            &HttpArgs::temporary(),
            REQUEST_BYTES_DEFAULT,
            log_keys,
            &telemetry,
        )
        .await?;
        Self::start(engine, server, config, &telemetry).await
    }

    /// The address on which the API listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.app.addr()
    }

    /// Whether every part is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.app.is_ready()
    }

    /// Waits for a failure after which the process must end.
    pub(crate) async fn failed(&mut self) -> Failure {
        self.app.failed().await
    }

    /// Stops accepting requests, drains, and closes the data.
    ///
    /// # Errors
    /// One sentence, if closing the data fails. No data is lost.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.app.stop().await;
        self.engine.close()
    }
}
