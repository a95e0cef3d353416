//! The handle of the webhooks of one process.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::delivery::Settings;
use logistics_core::health::{Health, HealthProbe};
use logistics_core::observe::{Gauges, Observers};
use logistics_core::port::{Clock, EventBus, StartAt};
use logistics_core::webhook::{EndpointFact, WebhookSender};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::driver::Driver;
use crate::follow::Opener;
use crate::stats::{Stats, WebhooksReport};

/// The settings of [`Webhooks`].
#[derive(Clone)]
#[non_exhaustive]
pub struct WebhooksOptions {
    /// The group of the positions in the notifications. Default `notification-service.webhooks`.
    pub group: String,
    /// Where the group starts in a partition without a position. Default: at the end.
    pub from: StartAt,
    /// The settings of the deliveries.
    pub settings: Settings,
    /// The address of the public API, without a slash at its end: messages link to their order.
    pub public_url: Option<String>,
    /// See every attempt.
    pub observers: Observers,
    /// Opens the secrets that the log has sealed.
    pub(crate) opener: Option<Opener>,
    /// Milliseconds between two acknowledgements of a position. Default 50.
    pub acknowledge_ms: u64,
    /// Milliseconds for an attempt with a sender that keeps no time limit. Default 20,000.
    pub attempt_ms_max: u64,
    /// Milliseconds within which a revoked partition is released. Default 900.
    pub revoke_ms: u64,
}

impl Default for WebhooksOptions {
    fn default() -> Self {
        Self {
            group: "notification-service.webhooks".to_owned(),
            from: StartAt::End,
            settings: Settings::default(),
            public_url: None,
            observers: Observers::default(),
            opener: None,
            acknowledge_ms: 50,
            attempt_ms_max: 20_000,
            revoke_ms: 900,
        }
    }
}

impl WebhooksOptions {
    /// Opens the secret of each fact about an endpoint that is read from the log.
    #[must_use]
    pub fn with_opener(mut self, open: impl Fn(&mut EndpointFact) + Send + Sync + 'static) -> Self {
        self.opener = Some(Arc::new(open));
        self
    }
}

/// Delivers the notifications of the log to webhook endpoints: [the guarantees](logistics_core::delivery).
///
/// Each process that runs this is a member of one group, and works on the partitions that the group assigns to it. Dropping it stops at
/// once. Deliveries that were under way are repeated.
pub struct Webhooks {
    stats: Arc<Stats>,
    drain: watch::Sender<bool>,
    task: AbortOnDropHandle<bool>,
}

impl Webhooks {
    /// Starts the deliveries in the background.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(
        bus: Arc<dyn EventBus>,
        sender: Arc<dyn WebhookSender>,
        clock: Arc<dyn Clock>,
        options: WebhooksOptions,
    ) -> Self {
        let (drain, draining) = watch::channel(false);
        let stats = Arc::new(Stats::default());
        let driver = Driver::new(bus, sender, clock, options, stats.clone(), draining);
        Self { stats, drain, task: AbortOnDropHandle::new(tokio::spawn(driver.run())) }
    }

    /// Starts no more attempts, waits for those under way, stores what waits, acknowledges the positions and leaves the group. Returns
    /// within the deadline.
    pub async fn drain(mut self, deadline: Duration) -> WebhooksReport {
        self.drain.send_replace(true);
        let clean = matches!(timeout(deadline, &mut self.task).await, Ok(Ok(true)));
        WebhooksReport { clean, ..self.stats.report() }
    }

    /// The counts so far.
    #[must_use]
    pub fn report(&self) -> WebhooksReport {
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

impl HealthProbe for Webhooks {
    fn health(&self) -> Health {
        self.stats.health()
    }
}
