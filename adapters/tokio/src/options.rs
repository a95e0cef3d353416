//! Options and their defaults.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::Backoff;
use logistics_core::observe::Observers;
use logistics_core::port::{ReadLimit, StartAt};
use logistics_layers::{Observed, TimeLimit};

use crate::log_observer::LogObserver;

/// How processors are driven. `logistics_core::processor::Settings` controls what they decide.
#[derive(Debug, Clone)]
pub struct ProcessorsOptions {
    /// Milliseconds that a revoked partition has to finish its transaction before it is dropped.
    pub revoke_ms: u64,
    /// Milliseconds after which a call of the bus, the store or the group counts as failed. Calls that wait by design, such
    /// as reads, have no limit.
    pub call_timeout_ms: u64,
    /// Milliseconds at the end of a drain's deadline that are reserved for leaving the group, so that the other members take
    /// over at once.
    pub leave_ms: u64,
    /// The wait between two attempts to join the group, and after each failure of the group.
    pub join_backoff: Backoff,
    /// What sees the processors' events, and their calls of the ports. To add one to the default: `options.observers = options.observers.with(...)`.
    pub observers: Observers,
}

impl Default for ProcessorsOptions {
    /// 1 s to finish a revoked partition, 10 s per call, 1 s for leaving, [`Backoff::default`], and [`LogObserver`] alone.
    fn default() -> Self {
        Self {
            revoke_ms: 1000,
            call_timeout_ms: 10_000,
            leave_ms: 1000,
            join_backoff: Backoff::default(),
            observers: Observers::default().with(Arc::new(LogObserver)),
        }
    }
}

impl ProcessorsOptions {
    pub(crate) fn revoke(&self) -> Duration {
        Duration::from_millis(self.revoke_ms)
    }

    /// The layers of every port: the observers see the calls that exceed the limit.
    pub(crate) fn layers(&self) -> (Observed, TimeLimit) {
        (Observed::new(Arc::new(self.observers.clone())), TimeLimit::new(self.call_timeout_ms))
    }
}

/// Records of one delivery of a subscription.
const DELIVERY_RECORDS_MAX: usize = 1000;
/// Bytes of one delivery with few partitions.
const DELIVERY_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one delivery with many partitions. With less, most of the work is reading.
const DELIVERY_BYTES_MIN: usize = 16 * 1024;

/// How notifications are delivered.
#[derive(Debug, Clone)]
pub struct NotificationsOptions {
    /// The group of the channel `console`. Its members share the partitions, and its positions are durable. The group of
    /// another channel is `<group>.<name>`.
    pub group: String,
    /// Where the group starts in a partition for which it has no position. `None`: at the start in a new system (the
    /// notifications begin at offset 0 and the first are less than a day old), otherwise at the end.
    pub from: Option<StartAt>,
    /// Milliseconds after which an attempt to deliver a notification counts as failed and is retried.
    pub notify_timeout_ms: u64,
    /// Milliseconds between two acknowledgements of the group's positions during a delivery.
    pub acknowledge_ms: u64,
    /// Milliseconds that the current notification of a revoked partition has to end. After that it is cancelled, and the next
    /// member delivers it again.
    pub revoke_ms: u64,
    /// Bytes of notifications in memory, shared by all channels and partitions. Each partition of a channel has at most one
    /// delivery in progress. A share is at least 16 KiB, and holds at least one notification of any size.
    pub buffered_bytes_max: usize,
    /// The wait between two attempts to deliver a notification.
    pub notify_backoff: Backoff,
    /// The wait between two attempts to subscribe, and after each failure of the subscription.
    pub subscribe_backoff: Backoff,
    /// What sees each attempt to deliver a notification and each skipped record, and makes the spans of attempts.
    pub observers: Observers,
}

impl Default for NotificationsOptions {
    /// Group `notification-service`. 10 s per attempt, with [`Backoff::default`] up to 30 s between two. Positions are
    /// acknowledged every 500 ms, a revoked partition is released within 3 s, and up to 16 MiB are in memory. No observers.
    fn default() -> Self {
        Self {
            group: "notification-service".to_owned(),
            from: None,
            notify_timeout_ms: 10_000,
            acknowledge_ms: 500,
            revoke_ms: 3000,
            buffered_bytes_max: 16 * 1024 * 1024,
            notify_backoff: Backoff { delay_ms_max: 30_000, ..Backoff::default() },
            subscribe_backoff: Backoff::default(),
            observers: Observers::default(),
        }
    }
}

impl NotificationsOptions {
    pub(crate) fn acknowledge(&self) -> Duration {
        Duration::from_millis(self.acknowledge_ms)
    }

    pub(crate) fn revoke(&self) -> Duration {
        Duration::from_millis(self.revoke_ms)
    }

    /// What one of `readers` partitions reads at once. `readers`: the partitions of all channels.
    pub(crate) fn delivery_limit(&self, readers: u32) -> ReadLimit {
        let share = self.buffered_bytes_max / readers.max(1) as usize;
        ReadLimit {
            records: DELIVERY_RECORDS_MAX,
            bytes: share.clamp(DELIVERY_BYTES_MIN, DELIVERY_BYTES_MAX),
        }
    }
}

/// How log and store are monitored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DependencyMonitorOptions {
    /// Milliseconds between two queries.
    pub interval_ms: u64,
    /// Milliseconds after which a query counts as unanswered.
    pub timeout_ms: u64,
}

impl Default for DependencyMonitorOptions {
    /// A query every 2 s, with a limit of 2 s.
    fn default() -> Self {
        Self { interval_ms: 2000, timeout_ms: 2000 }
    }
}

/// How the distance of the store behind the log is monitored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogMonitorOptions {
    /// Milliseconds between two reads of a partition.
    pub interval_ms: u64,
    /// Milliseconds after which a call counts as unanswered.
    pub timeout_ms: u64,
    /// Partitions that are read at the same time.
    pub polls_max: usize,
}

impl Default for LogMonitorOptions {
    /// Each partition every 5 s, four at the same time, with a limit of 2 s a call.
    fn default() -> Self {
        Self { interval_ms: 5000, timeout_ms: 2000, polls_max: 4 }
    }
}

/// How a part is polled for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PollOptions {
    /// Milliseconds between two polls.
    pub interval_ms: u64,
    /// Milliseconds after which a poll counts as failed.
    pub timeout_ms: u64,
    /// Consecutive failed polls during which the latest answer is kept.
    pub failures_max: u32,
}

impl Default for PollOptions {
    /// A poll every 10 s, with a limit of 5 s. The latest answer is kept for two failures.
    fn default() -> Self {
        Self { interval_ms: 10_000, timeout_ms: 5000, failures_max: 2 }
    }
}
