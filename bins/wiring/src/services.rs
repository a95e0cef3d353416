//! What a process does once everything is there.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_core::Policy;
use logistics_core::health::HealthProbe;
use logistics_core::port::{EventBus, Notifier, OwnerStore, StartAt};
use logistics_core::processor::Settings;
use logistics_core::wire::LogKeys;
use logistics_tokio::{Notifications, NotificationsOptions, Processors, ProcessorsOptions, SystemClock};

use crate::limits::{CLOCK_SKEW_MS_MAX_DEFAULT, MEMORY_BYTES_DEFAULT};
use logistics_cli_kit::Failure;

/// Everything that works drains in this time at most.
const DRAIN: Duration = Duration::from_secs(5);

/// How orders are decided, and with what.
#[derive(Debug, Clone)]
pub struct Deciding {
    /// What time does to orders.
    pub policy: Policy,
    /// Memory for all partitions of the process, in bytes.
    pub memory_bytes: u64,
    /// How far the clock and the log's may differ, in milliseconds.
    pub clock_skew_ms_max: u64,
    /// The keys that facts and outcomes are signed and verified with.
    pub log_keys: Option<LogKeys>,
}

impl Deciding {
    /// By this policy, with the defaults of the flags.
    #[must_use]
    pub fn by(policy: Policy) -> Self {
        Self {
            policy,
            memory_bytes: MEMORY_BYTES_DEFAULT,
            clock_skew_ms_max: CLOCK_SKEW_MS_MAX_DEFAULT,
            log_keys: None,
        }
    }
}

/// Makes a notifier, once everything else is there.
pub type NewNotifier = Box<dyn FnOnce() -> Arc<dyn Notifier> + Send>;

/// What a process does besides HTTP, and its health. By default it does nothing.
#[derive(Default)]
pub struct Services {
    watches: Vec<Arc<dyn HealthProbe>>,
    until: Option<BoxFuture<'static, Failure>>,
    processors: Option<Processors>,
    notifications: Option<Notifications>,
}

impl Services {
    /// Shows this health too.
    #[must_use]
    pub fn watched(mut self, probe: Arc<dyn HealthProbe>) -> Self {
        self.watches.push(probe);
        self
    }

    /// Goes on until this failure comes, which ends the process.
    #[must_use]
    pub fn until(mut self, failure: impl Future<Output = Failure> + Send + 'static) -> Self {
        self.until = Some(failure.boxed());
        self
    }

    /// Waits for the failure that ends the work.
    pub(crate) async fn failed(&mut self) -> Failure {
        match &mut self.until {
            Some(failure) => failure.await,
            None => std::future::pending().await,
        }
    }

    /// Decides about orders from now on.
    #[must_use]
    pub fn deciding(mut self, bus: Arc<dyn EventBus>, store: Arc<dyn OwnerStore>, how: Deciding) -> Self {
        let Deciding { policy, memory_bytes, clock_skew_ms_max, log_keys } = how;
        // A process may come to own every partition.
        let share = usize::try_from(memory_bytes / u64::from(bus.partitions().max(1))).unwrap_or(usize::MAX);
        let mut settings = Settings::new(bus.partitions(), policy);
        settings.memory_bytes_max = share;
        settings.clock_skew_ms_max = clock_skew_ms_max;
        settings.log_keys = log_keys;
        let options = ProcessorsOptions::default();
        self.processors = Some(Processors::start(bus, store, Arc::new(SystemClock), settings, options));
        self
    }

    /// Tells people from now on. `from`: where the group starts that has no position; `None`: as the log suggests.
    #[must_use]
    pub fn notifying(
        mut self,
        bus: Arc<dyn EventBus>,
        notifier: Arc<dyn Notifier>,
        from: Option<StartAt>,
    ) -> Self {
        let options = NotificationsOptions { from, ..NotificationsOptions::default() };
        self.notifications = Some(Notifications::start(bus, notifier, options));
        self
    }

    /// How all of it is doing.
    #[must_use]
    pub fn probes(&self) -> Vec<Arc<dyn HealthProbe>> {
        let processors = self.processors.as_ref().map(Processors::probe);
        let notifications = self.notifications.as_ref().map(Notifications::probe);
        self.watches.iter().cloned().chain(processors).chain(notifications).collect()
    }

    /// Finishes what is open and leaves the groups, within a bound. What was not finished is said in the log, and nothing
    /// of it is lost.
    pub async fn drain(self) {
        let Self { processors, notifications, .. } = self;
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
        let (decided, notified) = tokio::join!(deciding, notifying);
        let parts = [(decided, "a partition"), (notified, "the notifications")];
        let unfinished: Vec<_> =
            parts.into_iter().filter(|(clean, _)| !clean).map(|(_, part)| part).collect();
        if !unfinished.is_empty() {
            tracing::warn!(
                unfinished = unfinished.join(" and "),
                "not drained in time; the next start goes on there"
            );
        }
    }
}
