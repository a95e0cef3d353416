//! Reports of drains and deliveries.

use logistics_core::Partition;

/// The result of a drain of the processors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct DrainReport {
    /// Partitions that were released with their store up to date.
    pub drained: Vec<Partition>,
    /// Partitions that were dropped at the deadline or lost before. The next owners recover from the log.
    pub cut_off: Vec<Partition>,
    /// The group has confirmed that this member left, so the other members take over at once.
    pub left: bool,
}

impl DrainReport {
    /// Every partition was drained, and the group has confirmed the leave.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cut_off.is_empty() && self.left
    }
}

/// The counts of notifications so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct NotificationsReport {
    /// Accepted by the notifier.
    pub delivered: u64,
    /// Skipped, because the notifier returned an error that is not retryable, or panicked.
    pub undeliverable: u64,
    /// Skipped, because the record is not a valid notification.
    pub undecodable: u64,
    /// Removed from the log before this group read them: retention or deletion shortened the log past the group's position.
    pub gone: u64,
    /// In a drain's report: the drain ended in time, and the group's position is behind all of these.
    pub clean: bool,
}

impl NotificationsReport {
    /// The counts of two channels together. Not clean: only a drain of all channels sets that.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            undeliverable: self.undeliverable + other.undeliverable,
            undecodable: self.undecodable + other.undecodable,
            gone: self.gone + other.gone,
            clean: false,
        }
    }
}
