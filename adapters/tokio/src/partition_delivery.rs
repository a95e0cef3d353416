//! Delivers the records of one partition, one by one.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use logistics_core::notify::Notification;
use logistics_core::observe::{NotificationEnd, NotificationReport, Observer};
use logistics_core::port::{Batch, LogRecord, Notifier, NotifyError};
use logistics_core::{Offset, Partition, TraceParent, wire};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::attempts::{Attempts, as_ms};
use crate::current_notification::CurrentNotification;
use crate::delivery_stats::DeliveryStats;
use crate::error_text::{error_text, printable};
use crate::log_observer::ids;
use crate::options::NotificationsOptions;

/// Milliseconds of a notifier's retry-after that count. A longer one, such as a wrong header, must not stop a partition for
/// days.
pub(crate) const RETRY_AFTER_MS_MAX: u64 = 15 * 60 * 1000;

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryEnd {
    /// All its records are completed.
    Finished,
    /// It was stopped early.
    Stopped,
    /// It met a record that this build cannot read and must not skip.
    Halted,
}

pub(crate) struct PartitionDelivery {
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) options: Arc<NotificationsOptions>,
    pub(crate) stats: Arc<DeliveryStats>,
    /// The channel's name.
    pub(crate) channel: Arc<str>,
    pub(crate) partition: Partition,
    /// The offset behind all completed records.
    pub(crate) completed: Arc<AtomicU64>,
    pub(crate) current: Arc<CurrentNotification>,
    /// Ends the delivery behind the current record, or during the wait before a retry.
    pub(crate) stop: CancellationToken,
}

impl PartitionDelivery {
    pub(crate) async fn run(self, batch: Batch) -> DeliveryEnd {
        let end = self.deliver_all(batch).await;
        // A halted partition keeps its incomplete notification.
        if end != DeliveryEnd::Halted {
            self.current.clear();
        }
        end
    }

    async fn deliver_all(&self, batch: Batch) -> DeliveryEnd {
        for record in batch.records {
            // A notifier that answers at once must not keep other tasks from running.
            tokio::task::consume_budget().await;
            if self.stop.is_cancelled() {
                return DeliveryEnd::Stopped;
            }
            if let ControlFlow::Break(end) = self.deliver(&record).await {
                return end;
            }
            self.completed.store(record.offset.next().0, Ordering::Release);
        }
        self.completed.store(batch.next.0, Ordering::Release);
        DeliveryEnd::Finished
    }

    async fn deliver(&self, record: &LogRecord) -> ControlFlow<DeliveryEnd> {
        let (partition, offset) = (self.partition, record.offset);
        match wire::decode_notification(&record.payload) {
            // It is about no party: it only continues the versions of its order.
            Ok(notification) if notification.tracking_revoked => ControlFlow::Continue(()),
            Ok(notification) => {
                self.current.set(notification.at);
                self.notify(offset, &notification).await
            }
            Err(why) if why.is_newer() => {
                let why = printable(&why.to_string());
                error!(
                    channel = &*self.channel, %partition, %offset, why,
                    "a newer release wrote this notification; the partition halts: run that release"
                );
                // The fact's time cannot be read.
                self.current.set(record.at);
                self.stats.set_halted(partition, format!("partition {partition} offset {offset}: {why}"));
                ControlFlow::Break(DeliveryEnd::Halted)
            }
            Err(why) => {
                let why = printable(&why.to_string());
                warn!(
                    channel = &*self.channel, %partition, %offset, why,
                    "invalid notification record skipped; it stays in the log"
                );
                self.stats.count_undecodable(format!("partition {partition} offset {offset}: {why}"));
                let end = NotificationEnd::Undecodable;
                let report = NotificationReport::new(&self.channel, partition, offset, end);
                self.options.observers.notification(&report);
                ControlFlow::Continue(())
            }
        }
    }

    /// Retries until the notification is delivered or its error is not retryable.
    async fn notify(&self, offset: Offset, notification: &Notification) -> ControlFlow<DeliveryEnd> {
        let partition = self.partition;
        let mut attempts = Attempts::new(self.options.notify_backoff);
        loop {
            let error = match self.attempt(offset, notification, attempts.failures().saturating_add(1)).await
            {
                Ok(()) => {
                    if attempts.failures() > 0 {
                        self.stats.set_retrying(partition, None);
                    }
                    self.stats.count_delivered();
                    return ControlFlow::Continue(());
                }
                Err(error) => error,
            };
            let (order_id, why) = (&notification.order_id, printable(&error_text(&error)));
            let (trace_id, span_id) = ids(notification.trace.as_ref().and_then(TraceParent::context));
            let place = format!("partition {partition} offset {offset}: {why}");
            if !error.is_retryable() {
                error!(
                    channel = &*self.channel, %partition, %offset, %order_id, why, trace_id, span_id,
                    "undeliverable notification skipped; it stays in the log"
                );
                self.stats.set_retrying(partition, None);
                self.stats.count_undeliverable(place);
                return ControlFlow::Continue(());
            }
            let delay = attempts.failed().max(retry_after(&error));
            warn!(
                channel = &*self.channel, %partition, %offset, %order_id, why, delay_ms = as_ms(delay), trace_id, span_id,
                "a notification failed; retrying"
            );
            let failures = attempts.failures();
            let what = format!("the notification at {place}; failures so far: {failures}");
            self.stats.set_retrying(partition, Some(what));
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return ControlFlow::Break(DeliveryEnd::Stopped),
                () = sleep(delay) => {}
            }
        }
    }
}

/// The retry-after of the error, up to [`RETRY_AFTER_MS_MAX`].
fn retry_after(error: &NotifyError) -> Duration {
    Duration::from_millis(error.retry_after_ms().unwrap_or_default().min(RETRY_AFTER_MS_MAX))
}
