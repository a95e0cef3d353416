//! The services of a process, which start after its checks pass.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use logistics_core::Policy;
use logistics_core::health::HealthProbe;
use logistics_core::observe::Observers;
use logistics_core::port::{EventBus, Notifier, OwnerStore, StartAt};
use logistics_core::processor::{ProducerRoles, Settings};
use logistics_core::wire::LogKeys;
use logistics_layers::Layer;
use logistics_tokio::{
    DeliveryService, LogObserver, Notifications, NotificationsOptions, OrderLines, Processors,
    ProcessorsOptions, SystemClock,
};

use crate::email_delivery::EmailDelivery;
use crate::limits::{CLOCK_SKEW_MS_MAX_DEFAULT, MEMORY_BYTES_DEFAULT};
use crate::telemetry::Telemetry;
use crate::webhook_delivery::WebhookDelivery;
use logistics_cli_kit::Failure;

/// Maximum time for draining the services.
const DRAIN: Duration = Duration::from_secs(5);

/// Settings of the processors.
#[derive(Debug, Clone)]
pub struct Deciding {
    /// The policy.
    pub policy: Policy,
    /// Memory for all partitions of the process, in bytes.
    pub memory_bytes: u64,
    /// Maximum difference between this clock and the log's, in milliseconds.
    pub clock_skew_ms_max: u64,
    /// The keys that sign and verify facts and outcomes, and verify requests.
    pub log_keys: Option<LogKeys>,
    /// What an unsigned request may ask, if there are keys.
    pub producer_roles: ProducerRoles,
    /// The orders whose events are logged.
    pub order_lines: OrderLines,
}

impl Deciding {
    /// A policy with the defaults of the flags.
    #[must_use]
    pub fn by(policy: Policy) -> Self {
        Self {
            policy,
            memory_bytes: MEMORY_BYTES_DEFAULT,
            clock_skew_ms_max: CLOCK_SKEW_MS_MAX_DEFAULT,
            log_keys: None,
            producer_roles: ProducerRoles::default(),
            order_lines: OrderLines::default(),
        }
    }
}

/// Creates a notifier after the checks pass.
pub type NewNotifier = Box<dyn FnOnce() -> Arc<dyn Notifier> + Send>;

/// The processors and notifications of a process, with their health. None at first.
pub struct Services {
    telemetry: Telemetry,
    watches: Vec<Arc<dyn HealthProbe>>,
    until: Option<BoxFuture<'static, Failure>>,
    processors: Option<Processors>,
    notifications: Option<Notifications>,
    /// One for each channel with retries.
    deliveries: Vec<DeliveryService>,
}

impl Services {
    /// No services yet. `telemetry` will observe them.
    #[must_use]
    pub fn new(telemetry: &Telemetry) -> Self {
        let (watches, until) = (Vec::new(), None);
        let (telemetry, processors, notifications) = (telemetry.clone(), None, None);
        Self { telemetry, watches, until, processors, notifications, deliveries: Vec::new() }
    }

    /// Adds a part to the health.
    #[must_use]
    pub fn watched(mut self, probe: Arc<dyn HealthProbe>) -> Self {
        self.watches.push(probe);
        self
    }

    /// Adds a failure that ends the process.
    #[must_use]
    pub fn until(mut self, failure: impl Future<Output = Failure> + Send + 'static) -> Self {
        self.until = Some(failure.boxed());
        self
    }

    /// Waits for the failure that ends the process.
    pub(crate) async fn failed(&mut self) -> Failure {
        match &mut self.until {
            Some(failure) => failure.await,
            None => std::future::pending().await,
        }
    }

    /// Starts the processors.
    #[must_use]
    pub fn deciding(mut self, bus: Arc<dyn EventBus>, store: Arc<dyn OwnerStore>, how: Deciding) -> Self {
        let Deciding { policy, memory_bytes, clock_skew_ms_max, log_keys, producer_roles, order_lines } = how;
        // One process may own all partitions.
        let share = usize::try_from(memory_bytes / u64::from(bus.partitions().max(1))).unwrap_or(usize::MAX);
        let mut settings = Settings::new(bus.partitions(), policy);
        settings.memory_bytes_max = share;
        settings.clock_skew_ms_max = clock_skew_ms_max;
        settings.log_keys = log_keys;
        settings.producer_roles = producer_roles;
        let mut options = ProcessorsOptions::default();
        let lines = Observers::default().with(Arc::new(LogObserver::new(order_lines)));
        options.observers = lines.with(Arc::new(self.telemetry.observers()));
        let processors = Processors::start(bus, store, Arc::new(SystemClock), settings, options);
        self.telemetry.watch(processors.gauges());
        self.processors = Some(processors);
        self
    }

    /// Starts the notifications. `from`: the start of a group without a position; `None`: derived from the log.
    #[must_use]
    pub fn notifying(
        mut self,
        bus: Arc<dyn EventBus>,
        notifier: Arc<dyn Notifier>,
        from: Option<StartAt>,
    ) -> Self {
        let observers = self.telemetry.observers();
        let options = NotificationsOptions { from, observers, ..NotificationsOptions::default() };
        let bus = self.telemetry.layer().over(bus);
        let notifications = Notifications::start(bus, notifier, options);
        self.telemetry.watch(notifications.gauges());
        self.notifications = Some(notifications);
        self
    }

    /// Starts the e-mails, unless they are off. `from`: the start of a group without a position; `None`: derived from the log.
    #[must_use]
    pub fn mailing(
        mut self,
        bus: Arc<dyn EventBus>,
        email: Option<EmailDelivery>,
        from: Option<StartAt>,
    ) -> Self {
        self.deliveries.extend(email.map(|email| email.start(bus, from, &self.telemetry)));
        self
    }

    /// Starts the deliveries to webhook endpoints, unless they are off.
    #[must_use]
    pub fn delivering(mut self, bus: Arc<dyn EventBus>, delivery: Option<WebhookDelivery>) -> Self {
        self.deliveries.extend(delivery.map(|delivery| delivery.start(bus, &self.telemetry)));
        self
    }

    /// The health of all parts.
    #[must_use]
    pub fn probes(&self) -> Vec<Arc<dyn HealthProbe>> {
        let processors = self.processors.as_ref().map(Processors::probe);
        let notifications = self.notifications.as_ref().map(Notifications::probe);
        let deliveries = self.deliveries.iter().map(DeliveryService::probe);
        self.watches.iter().cloned().chain(processors).chain(notifications).chain(deliveries).collect()
    }

    /// Completes running work and leaves the groups, within a limited time. The log names unfinished parts; nothing of them is
    /// lost.
    pub async fn drain(self) {
        let Self { processors, notifications, deliveries, telemetry, .. } = self;
        let deciding = async {
            match processors {
                Some(processors) => processors.drain(DRAIN).await.is_clean(),
                None => true,
            }
        };
        let notifying = async {
            match notifications {
                Some(notifications) => notifications.drain(DRAIN).await.clean,
                None => true,
            }
        };
        let delivering = async {
            let drained = join_all(deliveries.into_iter().map(|it| it.drain(DRAIN))).await;
            drained.iter().all(|report| report.clean)
        };
        let (decided, notified, delivered) = tokio::join!(deciding, notifying, delivering);
        let parts =
            [(decided, "a partition"), (notified, "the notifications"), (delivered, "the deliveries")];
        let unfinished: Vec<_> =
            parts.into_iter().filter(|(clean, _)| !clean).map(|(_, part)| part).collect();
        if !unfinished.is_empty() {
            tracing::warn!(
                unfinished = unfinished.join(" and "),
                "not drained in time; the next owner continues there"
            );
        }
        telemetry.stop().await;
    }
}

#[cfg(test)]
mod tests;
