//! Options and their defaults.

use std::time::Duration;

use crate::backoff::Backoff;

/// How processors are driven. What they decide is the business of `logistics_core::processor::Settings`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
}

impl Default for ProcessorsOptions {
    /// Revoke within 1 s, calls within 10 s, 1 s for leaving, and [`Backoff::default`].
    fn default() -> Self {
        Self { revoke_ms: 1000, call_timeout_ms: 10_000, leave_ms: 1000, join_backoff: Backoff::default() }
    }
}

impl ProcessorsOptions {
    pub(crate) fn revoke(&self) -> Duration {
        Duration::from_millis(self.revoke_ms)
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }
}

/// How notifications are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NotificationsOptions {
    /// The group of readers: its members share the work, and its positions are durable.
    pub group: String,
    /// Milliseconds after which one attempt at one notification counts as failed, to be tried again.
    pub notify_timeout_ms: u64,
    /// Between attempts at one notification.
    pub notify_backoff: Backoff,
    /// Between attempts to subscribe, and to go on after the subscription failed.
    pub subscribe_backoff: Backoff,
}

impl Default for NotificationsOptions {
    /// Group `notification-service`, 10 s an attempt, and [`Backoff::default`] with 30 s at most between attempts at one
    /// notification.
    fn default() -> Self {
        Self {
            group: "notification-service".to_owned(),
            notify_timeout_ms: 10_000,
            notify_backoff: Backoff { delay_ms_max: 30_000, ..Backoff::default() },
            subscribe_backoff: Backoff::default(),
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
