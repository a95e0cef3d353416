//! The service: the ports, and the memory that the use cases share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use logistics_core::observe::Observers;
use logistics_core::port::{Clock, DocumentLookup, EventBus, OrderReader, PortError};
use logistics_core::{Offset, OrderId, Partition};
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::budget::Budget;
use crate::error::ServiceError;
use crate::live::LiveFeed;
use crate::options::Options;
use crate::progress::Progress;
use crate::readers::Readers;
use crate::seen::Seen;
use crate::single_flight::SingleFlight;

/// Assumed size of a document before the first read, in bytes.
const DOCUMENT_BYTES: usize = 2 * 1024;

/// The use cases of an order backend, over any ports.
///
/// Clones are handles of one service: they share the budget of bytes, the readers of the log, and the highest versions read so far.
/// Give every interface of a process a clone, so that reads never go back, even across interfaces.
#[derive(Clone)]
pub struct OrderService {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) observers: Observers,
    pub(crate) feed: Option<LiveFeed>,
}

/// The state that all handles of one service share.
pub(crate) struct Shared {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) store: Arc<dyn OrderReader>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) options: Options,
    pub(crate) seen: Seen,
    pub(crate) progress: Progress,
    /// First lookups of an order.
    pub(crate) lookups: SingleFlight<OrderId, DocumentLookup>,
    /// Later lookups, which begin with a pause. A first lookup does not wait for them.
    pub(crate) later_lookups: SingleFlight<OrderId, DocumentLookup>,
    /// Queries of the end of a partition of the orders.
    pub(crate) ends: SingleFlight<Partition, Offset>,
    /// Queries of the offset of the store's checkpoint.
    pub(crate) checkpoints: SingleFlight<Partition, Offset>,
    /// Queries whether the store has caught up with a partition of the orders.
    pub(crate) catching_up: SingleFlight<Partition, bool>,
    pub(crate) budget: Budget,
    pub(crate) readers: Readers,
    pub(crate) admission: Admission,
    /// The largest document that a list has read, in bytes. The next list reserves this size per order.
    pub(crate) document_bytes: AtomicUsize,
}

impl OrderService {
    /// A service over these ports. It appends commands to `bus`, reads documents and outcomes from `store`, and generates ids with
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
            checkpoints: SingleFlight::new(),
            catching_up: SingleFlight::new(),
            budget: Budget::new(options.in_flight_bytes_max),
            readers: Readers::new(),
            admission: Admission::new(options.admission_lag_max, bus.partitions()),
            document_bytes: AtomicUsize::new(DOCUMENT_BYTES),
            bus,
            store,
            clock,
            options,
        };
        let (shutdown, observers) = (CancellationToken::new(), Observers::default());
        Self { shared: Arc::new(shared), shutdown, observers, feed: None }
    }

    /// A handle of the same service whose waits end when `shutdown` is cancelled. An undecided command is then `Pending`, and a log
    /// page empty. Calls that do not wait continue.
    #[must_use]
    pub fn with_shutdown(&self, shutdown: CancellationToken) -> Self {
        Self { shutdown, ..self.clone() }
    }

    /// A handle of the same service that reports to these observers what it appends. Interfaces over this handle report their
    /// calls to the same ones.
    #[must_use]
    pub fn with_observers(&self, observers: Observers) -> Self {
        Self { observers, ..self.clone() }
    }

    /// The observers of this handle: none without [`with_observers`](Self::with_observers).
    #[must_use]
    pub fn observers(&self) -> &Observers {
        &self.observers
    }

    /// The clock, for interfaces that report when a call began.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.shared.clock.as_ref()
    }

    /// The token that ends the waits of this handle: that of [`with_shutdown`](Self::with_shutdown), or one of its own.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// The budget of bytes in flight. Interfaces reserve what they read and write here, so one limit covers the process.
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
    /// Calls a port, with a time limit.
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

/// Logs a port's error and converts its kind for the caller.
pub(crate) fn port_failed(doing: &'static str, error: &PortError) -> ServiceError {
    if error.retry_after_ms().is_some() {
        // The breaker has logged its opening, and a line for each rejected call would be thousands in a second.
        tracing::debug!(%error, "could not {doing}");
    } else {
        tracing::warn!(%error, kind = ?error.kind(), "could not {doing}");
    }
    ServiceError::from(error)
}
