//! Delivering the records of one partition, one by one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use logistics_core::notify::Notification;
use logistics_core::port::{Batch, Notifier, NotifyError, NotifyErrorKind};
use logistics_core::{Offset, Partition, wire};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::backoff::{Attempts, as_ms};
use crate::delivery_stats::DeliveryStats;
use crate::failure::{panic_text, printable, sentence};
use crate::options::NotificationsOptions;

/// Milliseconds that a notifier's retry-after may hold up its partition at most: one wrong header must not stop it for days.
pub(crate) const RETRY_AFTER_MS_MAX: u64 = 15 * 60 * 1000;

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All its records are done with.
    Finished,
    /// It was stopped before its end.
    Stopped,
    /// A record must not be skipped, and this build cannot read it.
    Halted,
}

/// What one record came to.
enum Then {
    GoOn,
    End(Ended),
}

pub(crate) struct PartitionDelivery {
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) options: Arc<NotificationsOptions>,
    pub(crate) stats: Arc<DeliveryStats>,
    /// The channel's name.
    pub(crate) channel: Arc<str>,
    pub(crate) partition: Partition,
    /// The offset behind everything that is done with.
    pub(crate) done: Arc<AtomicU64>,
    /// Ends it behind the current record, or in the wait before the next try.
    pub(crate) stop: CancellationToken,
}

impl PartitionDelivery {
    pub(crate) async fn run(self, batch: Batch) -> Ended {
        for record in batch.records {
            // A notifier that answers at once must not keep other tasks from running.
            tokio::task::consume_budget().await;
            if self.stop.is_cancelled() {
                return Ended::Stopped;
            }
            if let Then::End(ended) = self.deliver(record.offset, &record.payload).await {
                return ended;
            }
            self.done.store(record.offset.next().0, Ordering::Release);
        }
        self.done.store(batch.next.0, Ordering::Release);
        Ended::Finished
    }

    async fn deliver(&self, offset: Offset, payload: &[u8]) -> Then {
        let partition = self.partition;
        match wire::decode_notification(payload) {
            Ok(notification) => self.notify(offset, &notification).await,
            Err(why) if why.is_newer() => {
                let why = printable(&why.to_string());
                error!(
                    channel = &*self.channel, %partition, %offset, why,
                    "a newer release wrote this notification; the partition halts: run that release"
                );
                self.stats.halted(partition, format!("partition {partition} offset {offset}: {why}"));
                Then::End(Ended::Halted)
            }
            Err(why) => {
                let why = printable(&why.to_string());
                warn!(
                    channel = &*self.channel, %partition, %offset, why,
                    "a record that is no notification was skipped; it stays in the log"
                );
                self.stats.undecodable(format!("partition {partition} offset {offset}: {why}"));
                Then::GoOn
            }
        }
    }

    /// Retries until it is delivered or never can be.
    async fn notify(&self, offset: Offset, notification: &Notification) -> Then {
        let partition = self.partition;
        let mut attempts = Attempts::new(self.options.notify_backoff);
        loop {
            let error = match self.attempt(notification).await {
                Ok(()) => {
                    if attempts.failures() > 0 {
                        self.stats.retrying(partition, None);
                    }
                    self.stats.delivered();
                    return Then::GoOn;
                }
                Err(error) => error,
            };
            let (order_id, why) = (&notification.order_id, printable(&sentence(&error)));
            let place = format!("partition {partition} offset {offset}: {why}");
            if !error.is_retryable() {
                error!(
                    channel = &*self.channel, %partition, %offset, %order_id, why,
                    "a notification that can never be delivered was skipped; it stays in the log"
                );
                self.stats.retrying(partition, None);
                self.stats.undeliverable(place);
                return Then::GoOn;
            }
            let delay = attempts.failed().max(retry_after(&error));
            warn!(
                channel = &*self.channel, %partition, %offset, %order_id, why, delay_ms = as_ms(delay),
                "a notification was not delivered; it is retried"
            );
            let failures = attempts.failures();
            let what = format!("the notification at {place}; failures so far: {failures}");
            self.stats.retrying(partition, Some(what));
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Then::End(Ended::Stopped),
                () = sleep(delay) => {}
            }
        }
    }

    async fn attempt(&self, notification: &Notification) -> Result<(), NotifyError> {
        let limit = Duration::from_millis(self.options.notify_timeout_ms);
        let notified =
            AssertUnwindSafe(timeout(limit, self.notifier.notify(notification))).catch_unwind().await;
        match notified {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                let message = format!("the notifier did not answer within {} ms", limit.as_millis());
                Err(NotifyError::new(NotifyErrorKind::Unavailable, message))
            }
            Err(panic) => {
                let message = format!("the notifier panicked: {}", panic_text(panic.as_ref()));
                Err(NotifyError::new(NotifyErrorKind::Invalid, message))
            }
        }
    }
}

/// How long the other side wants to be left alone, within bounds.
fn retry_after(error: &NotifyError) -> Duration {
    Duration::from_millis(error.retry_after_ms().unwrap_or_default().min(RETRY_AFTER_MS_MAX))
}
