//! Options and their defaults.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::Backoff;
use logistics_core::observe::Observers;
use logistics_core::port::{ReadLimit, StartAt};

use crate::log_observer::LogObserver;

/// How processors are driven. What they decide is the business of `logistics_core::processor::Settings`.
#[derive(Debug, Clone)]
pub struct ProcessorsOptions {
    /// Milliseconds that a revoked partition has to finish its transaction before it is dropped.
    pub revoke_ms: u64,
    /// Milliseconds after which a call that should not wait counts as failed: the bus, the store or the group did not
    /// answer. Reads wait for as long as there is nothing to read.
    pub call_timeout_ms: u64,
    /// Milliseconds of a drain's deadline that are kept for leaving the group, so that others take over at once.
    pub leave_ms: u64,
    /// Between attempts to join the group, and to go on after it failed.
    pub join_backoff: Backoff,
    /// What sees the processors' events. To add one to the default: `options.observers = options.observers.with(...)`.
    pub observers: Observers,
}

impl Default for ProcessorsOptions {
    /// Revoke within 1 s, calls within 10 s, 1 s for leaving, [`Backoff::default`], and [`LogObserver`] alone.
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
}

/// Records of one delivery of a subscription.
const DELIVERY_RECORDS_MAX: usize = 1000;
/// Bytes of one delivery where there are few partitions.
const DELIVERY_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one delivery however many partitions there are: with less, most of the work is reading.
const DELIVERY_BYTES_MIN: usize = 16 * 1024;

/// How notifications are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NotificationsOptions {
    /// The group of the channel `console`: its members share the work, and its positions are durable. The group of another
    /// channel is `<group>.<name>`.
    pub group: String,
    /// Where the group starts in a partition for which it has no position. `None`: at the start in a new system (the
    /// notifications begin at offset 0 and the first are less than a day old), otherwise at the end.
    pub from: Option<StartAt>,
    /// Milliseconds after which one attempt at one notification counts as failed, to be retried.
    pub notify_timeout_ms: u64,
    /// Milliseconds between two acknowledgements of the group's positions in the midst of deliveries.
    pub acknowledge_ms: u64,
    /// Milliseconds that the notification under way of a revoked partition has to end before it is given up, to be delivered
    /// again by the next member.
    pub revoke_ms: u64,
    /// Bytes of notifications in memory, shared by all channels and partitions: each has one delivery under way at most. A
    /// share is 16 KiB at least, and holds one notification at least, however large.
    pub buffered_bytes_max: usize,
    /// Between attempts at one notification.
    pub notify_backoff: Backoff,
    /// Between attempts to subscribe, and to go on after the subscription failed.
    pub subscribe_backoff: Backoff,
}

impl Default for NotificationsOptions {
    /// Group `notification-service`, 10 s an attempt, and [`Backoff::default`] with 30 s at most between attempts at one
    /// notification. Positions are acknowledged every 500 ms, revoked partitions handed over within 3 s, and 16 MiB of
    /// notifications are in memory at most.
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

    /// What one partition of one channel reads at once, of so many that do.
    pub(crate) fn delivery_limit(&self, readers: u32) -> ReadLimit {
        let share = self.buffered_bytes_max / readers.max(1) as usize;
        ReadLimit {
            records: DELIVERY_RECORDS_MAX,
            bytes: share.clamp(DELIVERY_BYTES_MIN, DELIVERY_BYTES_MAX),
        }
    }
}

/// How log and store are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReachabilityOptions {
    /// Milliseconds between two questions.
    pub interval_ms: u64,
    /// Milliseconds after which a question counts as not answered.
    pub timeout_ms: u64,
}

impl Default for ReachabilityOptions {
    /// Every 2 s, to be answered within 2 s.
    fn default() -> Self {
        Self { interval_ms: 2000, timeout_ms: 2000 }
    }
}
