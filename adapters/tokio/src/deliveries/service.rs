//! The handle of the deliveries of one channel in one process.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::delivery::Receivers;
use logistics_core::health::{Health, HealthProbe};
use logistics_core::observe::Gauges;
use logistics_core::port::{Clock, EventBus};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::driver::Driver;
use super::options::DeliveryOptions;
use super::stats::{DeliveriesReport, Stats};

/// Delivers the notifications of the log to the receivers of one channel: [the guarantees](logistics_core::delivery).
///
/// Each process that runs this is a member of the channel's group, and works on the partitions that the group assigns to it.
/// Dropping it stops at once. Deliveries that were under way are repeated.
pub struct DeliveryService {
    stats: Arc<Stats>,
    drain: watch::Sender<bool>,
    task: AbortOnDropHandle<bool>,
}

impl DeliveryService {
    /// Starts the deliveries in the background.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(
        bus: Arc<dyn EventBus>,
        receivers: Arc<dyn Receivers>,
        clock: Arc<dyn Clock>,
        options: DeliveryOptions,
    ) -> Self {
        let (drain, draining) = watch::channel(false);
        let stats = Arc::new(Stats::new(&options.channel));
        let driver = Driver::new(bus, receivers, clock, options, stats.clone(), draining);
        Self { stats, drain, task: AbortOnDropHandle::new(tokio::spawn(driver.run())) }
    }

    /// Starts no more attempts, waits for those under way, stores what waits, acknowledges the positions and leaves the group. Returns
    /// within the deadline.
    pub async fn drain(mut self, deadline: Duration) -> DeliveriesReport {
        self.drain.send_replace(true);
        let clean = matches!(timeout(deadline, &mut self.task).await, Ok(Ok(true)));
        DeliveriesReport { clean, ..self.stats.report() }
    }

    /// The counts so far.
    #[must_use]
    pub fn report(&self) -> DeliveriesReport {
        self.stats.report()
    }

    /// The state, for a scrape of the metrics.
    #[must_use]
    pub fn gauges(&self) -> Arc<dyn Gauges> {
        self.stats.clone()
    }

    /// The health, for a holder that outlives this handle.
    #[must_use]
    pub fn probe(&self) -> Arc<dyn HealthProbe> {
        self.stats.clone()
    }
}

impl HealthProbe for DeliveryService {
    fn health(&self) -> Health {
        self.stats.health()
    }
}
