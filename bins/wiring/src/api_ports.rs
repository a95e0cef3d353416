//! The log and the store of an API, with their circuit breakers.

use std::sync::Arc;

use logistics_core::port::{EventBus, OrderReader};
use logistics_layers::{BreakerSettings, CircuitBreaker, Layer, TimeLimit, Writes};

use crate::telemetry::Telemetry;

/// Time limits inside of the circuit breakers, and the settings of these.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemoteLimits {
    /// Of a read of the store, in milliseconds. A read takes a few, and a list of large documents tens.
    pub(crate) store_read_ms_max: u64,
    /// Of an append, in milliseconds: above that of the log's client (5 s), and below that of the use cases (10 s).
    pub(crate) append_ms_max: u64,
    pub(crate) breaker: BreakerSettings,
}

impl Default for RemoteLimits {
    fn default() -> Self {
        Self { store_read_ms_max: 3000, append_ms_max: 7000, breaker: BreakerSettings::default() }
    }
}

/// The log and the store of an API.
pub struct ApiPorts {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) store: Arc<dyn OrderReader>,
    pub(crate) breakers: Vec<CircuitBreaker>,
}

impl ApiPorts {
    /// Without circuit breakers, for a log and a store in the process itself: they answer, or the process ends with them.
    #[must_use]
    pub fn local(bus: Arc<dyn EventBus>, store: Arc<dyn OrderReader>) -> Self {
        Self { bus, store, breakers: Vec::new() }
    }

    /// For a log and a store that are services of their own. Reads of the store and appends to the log fail at once while the
    /// service does not answer, each behind a breaker of its own. Reads of the log pass.
    #[must_use]
    pub fn remote(bus: Arc<dyn EventBus>, store: Arc<dyn OrderReader>, telemetry: &Telemetry) -> Self {
        Self::with_limits(bus, store, telemetry, RemoteLimits::default())
    }

    pub(crate) fn with_limits(
        bus: Arc<dyn EventBus>,
        store: Arc<dyn OrderReader>,
        telemetry: &Telemetry,
        limits: RemoteLimits,
    ) -> Self {
        let RemoteLimits { store_read_ms_max, append_ms_max, breaker } = limits;
        let (of_store, of_log) = (telemetry.breaker("store", breaker), telemetry.breaker("log", breaker));
        Self {
            bus: Writes((of_log.clone(), TimeLimit::new(append_ms_max))).over(bus),
            store: (of_store.clone(), TimeLimit::new(store_read_ms_max)).over(store),
            breakers: vec![of_store, of_log],
        }
    }
}
