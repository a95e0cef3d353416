//! The handle of the processors of one process.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::health::{Health, HealthProbe};
use logistics_core::observe::{Gauges, Observer};
use logistics_core::port::{Clock, EventBus, OwnerStore};
use logistics_core::processor::Settings;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info};

use crate::clock::ProcessorClock;
use crate::group_member::GroupMember;
use crate::options::ProcessorsOptions;
use crate::processor_drivers::ProcessorDrivers;
use crate::processors_health::ProcessorsHealth;
use crate::reports::DrainReport;

/// A tenth of a drain's deadline is reserved for returning the report, up to this limit.
const REPORT_MS_MAX: u64 = 100;

/// The processors of one process: a member of the group, with one processor for each partition that it is assigned.
///
/// Dropping it stops everything at once, like a crash: nothing is lost, and the next owners recover from the log.
pub struct Processors {
    health: Arc<ProcessorsHealth>,
    drain: watch::Sender<Option<Instant>>,
    member: AbortOnDropHandle<DrainReport>,
}

impl Processors {
    /// Starts in the background: joins the group and runs a processor for each partition that it is assigned. Failures are
    /// retried, and [`HealthProbe`] shows the state. `settings.emit_order_events` and
    /// `settings.report_transactions` are overwritten: events of single orders and reports of transactions are built if and only
    /// if one of `options.observers` wants them at this moment.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(
        bus: Arc<dyn EventBus>,
        store: Arc<dyn OwnerStore>,
        clock: Arc<dyn Clock>,
        mut settings: Settings,
        options: ProcessorsOptions,
    ) -> Self {
        settings.emit_order_events = options.observers.wants_order_events();
        settings.report_transactions = options.observers.wants_transactions();
        info!("Order Processor Running...");
        let health = Arc::new(ProcessorsHealth::new());
        let (drain, draining) = watch::channel(None);
        let partitions = settings.partitions;
        let clock = ProcessorClock::new(clock);
        let drivers = ProcessorDrivers::new(health.clone(), store, clock, settings, &options);
        let member =
            GroupMember { bus, partitions, options, health: health.clone(), drivers, drain: draining };
        Self { health, drain, member: AbortOnDropHandle::new(tokio::spawn(member.run())) }
    }

    /// Stops reading inputs, finishes open transactions, brings the store up to date and leaves the group. Returns within
    /// the deadline, even if a call hangs.
    pub async fn drain(mut self, deadline: Duration) -> DrainReport {
        let by = Instant::now() + deadline;
        let report = Duration::from_millis(REPORT_MS_MAX).min(deadline / 10);
        self.drain.send_replace(Some(by.checked_sub(report).unwrap_or(by)));
        match timeout_at(by, &mut self.member).await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => {
                error!(%error, "the task of the group's member ended unexpectedly");
                self.cut_off()
            }
            Err(_) => self.cut_off(),
        }
    }

    /// The same health, for a holder that outlives this handle, such as an HTTP server.
    #[must_use]
    pub fn probe(&self) -> Arc<dyn HealthProbe> {
        self.health.clone()
    }

    /// The state of each partition of this process, for a scrape of the metrics. A partition that left has none.
    #[must_use]
    pub fn gauges(&self) -> Arc<dyn Gauges> {
        self.health.clone()
    }

    fn cut_off(&self) -> DrainReport {
        DrainReport { cut_off: self.health.partitions(), ..DrainReport::default() }
    }
}

impl HealthProbe for Processors {
    fn health(&self) -> Health {
        self.health.health()
    }
}
