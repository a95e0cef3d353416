//! What every request is served with.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use logistics_core::health::HealthProbe;
use logistics_core::port::{Clock, DocumentLookup, EventBus, OrderReader, PortError};
use logistics_core::{Offset, OrderId, Partition};
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::config::Config;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::readers::Readers;
use crate::rounds::Rounds;
use crate::seen::Seen;

/// The size of a document before any was seen.
const DOCUMENT_BYTES: usize = 2 * 1024;

/// What the API is made over.
#[derive(Clone)]
pub struct Api {
    /// Where requests are appended.
    pub bus: Arc<dyn EventBus>,
    /// Where documents and outcomes are read.
    pub store: Arc<dyn OrderReader>,
    /// The time, for ids.
    pub clock: Arc<dyn Clock>,
    /// What `/health/ready` answers from.
    pub health: Arc<dyn HealthProbe>,
}

/// [`Api`] and everything that belongs to one server.
pub(crate) struct Context {
    pub(crate) api: Api,
    pub(crate) config: Config,
    pub(crate) openapi: Bytes,
    pub(crate) seen: Seen,
    pub(crate) progress: Progress,
    /// First looks for an order.
    pub(crate) looks: Rounds<OrderId, DocumentLookup>,
    /// Looks after a pause: apart, because a first look does not wait for a pause.
    pub(crate) later_looks: Rounds<OrderId, DocumentLookup>,
    /// Questions where a partition of the orders ends.
    pub(crate) ends: Rounds<Partition, Offset>,
    /// Questions whether the store has caught up with a partition of the orders.
    pub(crate) catching_up: Rounds<Partition, bool>,
    pub(crate) budget: Budget,
    pub(crate) readers: Readers,
    /// The largest document that a list has shown, in bytes: how much the next list reserves for each of its orders.
    pub(crate) document_bytes: AtomicUsize,
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
        let openapi = Bytes::from(crate::openapi_json());
        Self {
            openapi,
            seen: Seen::new(),
            progress: Progress::new(api.bus.partitions()),
            looks: Rounds::new(),
            later_looks: Rounds::new(),
            ends: Rounds::new(),
            catching_up: Rounds::new(),
            budget: Budget::new(config.in_flight_bytes_max),
            readers: Readers::new(),
            document_bytes: AtomicUsize::new(DOCUMENT_BYTES),
            closing: CancellationToken::new(),
            api,
            config,
        }
    }

    /// A call of a port, with a bound on its time and its failure as the client sees it.
    pub(crate) async fn port<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, Failure> {
        let limit = Duration::from_millis(self.config.port_timeout_ms);
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Self::failed(doing, &error)),
            Err(_) => {
                tracing::warn!("could not {doing} within {} ms", limit.as_millis());
                Err(Failure::unavailable())
            }
        }
    }

    /// A port's failure as the client sees it; the sentence goes to the log only.
    pub(crate) fn failed(doing: &'static str, error: &PortError) -> Failure {
        tracing::warn!(%error, kind = ?error.kind(), "could not {doing}");
        Failure::of_port(error.kind())
    }
}
