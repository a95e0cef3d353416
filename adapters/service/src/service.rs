//! The service: the ports, and what the use cases keep in memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use logistics_core::port::{Clock, DocumentLookup, EventBus, OrderReader, PortError};
use logistics_core::{Offset, OrderId, Partition};
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::error::ServiceError;
use crate::options::Options;
use crate::progress::Progress;
use crate::readers::Readers;
use crate::seen::Seen;
use crate::single_flight::SingleFlight;

/// The size of a document before any was read.
const DOCUMENT_BYTES: usize = 2 * 1024;

/// The use cases of an order backend, over any ports.
///
/// Clones are handles of one service: they share the budget of bytes, the readers of the log, and what the service has seen of the
/// store. So one service behind every interface of a process keeps reads from going back, whichever interface a client uses.
#[derive(Clone)]
pub struct OrderService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shutdown: CancellationToken,
}

/// What all handles of one service share.
pub(crate) struct Shared {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) store: Arc<dyn OrderReader>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    pub(crate) seen: Seen,
    pub(crate) progress: Progress,
    /// First lookups of an order.
    pub(crate) lookups: SingleFlight<OrderId, DocumentLookup>,
    /// Lookups after a pause: apart, because a first lookup waits for no pause.
    pub(crate) later_lookups: SingleFlight<OrderId, DocumentLookup>,
    /// Queries of where a partition of the orders ends.
    pub(crate) ends: SingleFlight<Partition, Offset>,
    /// Queries of whether the store has caught up with a partition of the orders.
    pub(crate) catching_up: SingleFlight<Partition, bool>,
    pub(crate) budget: Budget,
    pub(crate) readers: Readers,
    /// The largest document that a list has read, in bytes: how much the next list reserves for each of its orders.
    pub(crate) document_bytes: AtomicUsize,
}

impl OrderService {
    /// A service over these ports. Commands are appended to `bus`, documents and outcomes are read from `store`, and ids are made with
    /// the time of `clock`.
    #[must_use]
    pub fn new(
        bus: Arc<dyn EventBus>,
        store: Arc<dyn OrderReader>,
        clock: Arc<dyn Clock>,
        options: Options,
    ) -> Self {
        let shared = Shared {
            seen: Seen::new(),
            progress: Progress::new(bus.partitions()),
            lookups: SingleFlight::new(),
            later_lookups: SingleFlight::new(),
            ends: SingleFlight::new(),
            catching_up: SingleFlight::new(),
            budget: Budget::new(options.in_flight_bytes_max),
            readers: Readers::new(),
            document_bytes: AtomicUsize::new(DOCUMENT_BYTES),
            bus,
            store,
            clock,
            options,
        };
        Self { shared: Arc::new(shared), shutdown: CancellationToken::new() }
    }

    /// A handle of the same service whose waits end once `shutdown` is cancelled: an undecided command is `Pending` then, and
    /// a log page is empty. Calls that wait for nothing go on.
    #[must_use]
    pub fn with_shutdown(&self, shutdown: CancellationToken) -> Self {
        Self { shared: self.shared.clone(), shutdown }
    }

    /// What ends the waits of this handle. Never cancelled where the handle was not made by
    /// [`with_shutdown`](Self::with_shutdown).
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// The bytes that requests and replies may hold. Interfaces reserve here what they read and write, so that one bound covers
    /// the process.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// The number of partitions of every topic.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.shared.bus.partitions()
    }

    /// How long a command waits for its decision.
    pub(crate) fn wait_or_default(&self, wait: Option<Duration>) -> Duration {
        self.capped(wait.unwrap_or(Duration::from_millis(self.shared.options.default_wait_ms)))
    }

    pub(crate) fn capped(&self, wait: Duration) -> Duration {
        wait.min(Duration::from_millis(self.shared.options.wait_ms_max))
    }
}

impl fmt::Debug for OrderService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderService").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl Shared {
    /// A call of a port, with a bound on its time.
    pub(crate) async fn port<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, ServiceError> {
        let limit = Duration::from_millis(self.options.port_timeout_ms);
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(port_failed(doing, &error)),
            Err(_) => {
                tracing::warn!("could not {doing} within {} ms", limit.as_millis());
                Err(ServiceError::Unavailable)
            }
        }
    }
}

/// A port's failure as the caller sees it; the sentence goes to the log only.
pub(crate) fn port_failed(doing: &'static str, error: &PortError) -> ServiceError {
    tracing::warn!(%error, kind = ?error.kind(), "could not {doing}");
    ServiceError::from(error.kind())
}
