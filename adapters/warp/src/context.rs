//! What every request is served with.

use std::sync::Arc;

use bytes::Bytes;
use logistics_core::health::HealthProbe;
use logistics_core::observe::Exposition;
use logistics_service::{Authenticator, Limiter, NoAuthentication, NoLimits, OrderService, Webhooks};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::openapi;

/// What the API is made over.
#[derive(Clone)]
#[non_exhaustive]
pub struct Api {
    /// The use cases. Give every interface of a process a clone of one service: clones share the budget of bytes and the memory of
    /// what was read, so that reads do not go back from one interface to another.
    pub service: OrderService,
    /// Identifies callers. Every use case gets the principal that it returns.
    pub authenticator: Arc<dyn Authenticator>,
    /// Limits the rate of requests by caller and class.
    pub limiter: Arc<dyn Limiter>,
    /// The source of `/health/ready`.
    pub health: Arc<dyn HealthProbe>,
    /// The source of `/metrics`. `None`: there is no such path.
    pub metrics: Option<Arc<dyn Exposition>>,
    /// The use cases of webhook endpoints. `None`: there are no paths below `/webhooks`.
    pub webhooks: Option<Webhooks>,
}

impl Api {
    /// The API over this service. `health` is the source of `/health/ready`.
    #[must_use]
    pub fn new(service: OrderService, health: Arc<dyn HealthProbe>) -> Self {
        let (authenticator, limiter) = (Arc::new(NoAuthentication), Arc::new(NoLimits));
        Self { service, authenticator, limiter, health, metrics: None, webhooks: None }
    }

    /// Identifies callers with `authenticator`. Without this, every caller is anonymous, and may do everything.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = authenticator;
        self
    }

    /// Limits the rate of requests with `limiter`. Without this, no request is limited.
    #[must_use]
    pub fn with_limiter(mut self, limiter: Arc<dyn Limiter>) -> Self {
        self.limiter = limiter;
        self
    }

    /// Serves these metrics at `/metrics`, to operators and to callers that see every order.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn Exposition>) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Serves webhook endpoints below `/webhooks`.
    #[must_use]
    pub fn with_webhooks(mut self, webhooks: Webhooks) -> Self {
        self.webhooks = Some(webhooks);
        self
    }
}

/// [`Api`] and everything that belongs to one server.
pub(crate) struct Context {
    /// A handle whose waits end when the server stops.
    pub(crate) service: OrderService,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) health: Arc<dyn HealthProbe>,
    pub(crate) metrics: Option<Arc<dyn Exposition>>,
    pub(crate) webhooks: Option<Webhooks>,
    pub(crate) config: Config,
    pub(crate) openapi: Bytes,
    /// Cancelled when the server, or the service under it, stops. Waits end, and the API is not ready.
    pub(crate) closing: CancellationToken,
    /// The WebSockets. They end when the server stops.
    pub(crate) sockets: TaskTracker,
}

/// The same for a server that serves nothing but its health.
pub(crate) struct HealthContext {
    pub(crate) health: Arc<dyn HealthProbe>,
    pub(crate) metrics: Option<Arc<dyn Exposition>>,
    pub(crate) config: Config,
    pub(crate) closing: CancellationToken,
}

/// What a server serves.
pub(crate) enum Served {
    /// All of the API.
    Api(Box<Context>),
    /// `/health/live`, `/health/ready` and `/metrics`.
    Health(Box<HealthContext>),
}

impl Served {
    pub(crate) fn config(&self) -> &Config {
        match self {
            Served::Api(context) => &context.config,
            Served::Health(context) => &context.config,
        }
    }

    pub(crate) fn closing(&self) -> &CancellationToken {
        match self {
            Served::Api(context) => &context.closing,
            Served::Health(context) => &context.closing,
        }
    }
}

impl Served {
    /// Waits until no WebSocket is left. Only after the end of [`Served::closing`].
    pub(crate) async fn sockets_closed(&self) {
        if let Served::Api(context) = self {
            context.sockets.close();
            context.sockets.wait().await;
        }
    }
}

impl Context {
    /// What the address of a tracking page starts with.
    pub(crate) fn tracking_base(&self) -> String {
        match &*self.config.tracking_url {
            "" => format!("{}/track", self.config.base_path),
            url => url.to_owned(),
        }
    }

    pub(crate) fn new(api: Api, config: Config) -> Self {
        let closing = api.service.shutdown().child_token();
        let service = api.service.with_shutdown(closing.clone());
        let openapi = Bytes::from(openapi::json(&config.base_path));
        let Api { authenticator, limiter, health, metrics, webhooks, .. } = api;
        let sockets = TaskTracker::new();
        Self { service, authenticator, limiter, health, metrics, webhooks, config, openapi, closing, sockets }
    }
}
