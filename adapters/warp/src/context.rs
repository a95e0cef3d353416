//! What every request is served with.

use std::sync::Arc;

use bytes::Bytes;
use logistics_core::health::HealthProbe;
use logistics_service::{OrderService, Principal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// What the API is made over.
#[derive(Clone)]
pub struct Api {
    /// The use cases. A clone of the service that the process's other interfaces use too: clones share the bounds and the memory of
    /// what was served, so that reads do not go back from one interface to another.
    pub service: OrderService,
    /// What `/health/ready` answers from.
    pub health: Arc<dyn HealthProbe>,
}

/// The caller of every request, as long as the API does not authenticate its clients.
pub(crate) const CALLER: Principal = Principal::anonymous();

/// [`Api`] and everything that belongs to one server.
pub(crate) struct Context {
    /// Its waits end when the server stops.
    pub(crate) service: OrderService,
    pub(crate) health: Arc<dyn HealthProbe>,
    pub(crate) config: Config,
    pub(crate) openapi: Bytes,
    /// The server stops: nothing waits any longer than it must.
    pub(crate) closing: CancellationToken,
}

/// What a server with nothing but health is served with.
pub(crate) struct HealthContext {
    pub(crate) health: Arc<dyn HealthProbe>,
    pub(crate) config: Config,
    pub(crate) closing: CancellationToken,
}

/// What a server serves.
pub(crate) enum Served {
    /// All of the API.
    Api(Box<Context>),
    /// `/health/live` and `/health/ready`.
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

impl Context {
    pub(crate) fn new(api: Api, config: Config) -> Self {
        let closing = CancellationToken::new();
        let service = api.service.with_shutdown(closing.clone());
        let openapi = Bytes::from(crate::openapi_json());
        Self { service, health: api.health, config, openapi, closing }
    }
}
