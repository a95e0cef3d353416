//! The handle of the notification service of one process.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::health::{Health, HealthProbe};
use logistics_core::port::{EventBus, Notifier};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::delivery::Delivering;
use crate::options::NotificationsOptions;
use crate::reports::NotificationsReport;
use crate::tally::Tally;

/// Reads the notifications of the log as a member of a group and hands each to a notifier, in the order of its partition.
///
/// Delivery is at least once: the group's position moves on only behind what is done with, twice a second at least. One that
/// may succeed later is retried until it does; those behind it in its partition wait, other partitions go on. One that never
/// will (the notifier says so, or panics) and a record that is no notification are counted, logged and skipped; they stay
/// in the log, where they can be looked up by the offset in that line. One that a newer release wrote halts its partition.
///
/// Dropping it stops at once; what was not acknowledged comes again.
pub struct Notifications {
    tally: Arc<Tally>,
    drain: watch::Sender<bool>,
    task: AbortOnDropHandle<bool>,
}

impl Notifications {
    /// Starts in the background: subscribes and delivers. What fails is tried again; [`HealthProbe`] tells how it stands.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(bus: Arc<dyn EventBus>, notifier: Arc<dyn Notifier>, options: NotificationsOptions) -> Self {
        let tally = Arc::new(Tally::default());
        let (drain, draining) = watch::channel(false);
        let options = Arc::new(options);
        let delivering = Delivering { bus, notifier, options, tally: tally.clone(), draining };
        Self { tally, drain, task: AbortOnDropHandle::new(tokio::spawn(delivering.run())) }
    }

    /// Finishes the notifications that are under way, one a partition, acknowledges what is done and leaves the group. Answers
    /// within the deadline, whatever hangs; what is done in the other partitions is acknowledged before that.
    pub async fn drain(mut self, deadline: Duration) -> NotificationsReport {
        self.drain.send_replace(true);
        let ended = timeout_at(Instant::now() + deadline, &mut self.task).await;
        let clean = matches!(ended, Ok(Ok(true)));
        NotificationsReport { clean, ..self.tally.report() }
    }

    /// What became of the notifications so far.
    pub fn report(&self) -> NotificationsReport {
        self.tally.report()
    }

    /// The same health, for whoever outlives this handle's owner, such as an HTTP server.
    #[must_use]
    pub fn probe(&self) -> Arc<dyn HealthProbe> {
        self.tally.clone()
    }
}

impl HealthProbe for Notifications {
    fn health(&self) -> Health {
        self.tally.health()
    }
}
