//! What became of the work.

use logistics_core::Partition;

/// What a drain came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct DrainReport {
    /// Given up in good order.
    pub drained: Vec<Partition>,
    /// Dropped at the deadline, or lost meanwhile: the next owners recover from the log.
    pub cut_off: Vec<Partition>,
    /// The group knows that this member left, so that others take over at once.
    pub left: bool,
}

impl DrainReport {
    /// Everything was finished in time.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.cut_off.is_empty() && self.left
    }
}

/// What became of the notifications so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct NotificationsReport {
    /// Handed over.
    pub delivered: u64,
    /// Skipped: the notifier returned an error that no retry helps, or panicked.
    pub undeliverable: u64,
    /// Records that are no notifications.
    pub undecodable: u64,
    /// Gone from the log before this group read them: retention or deletion shortened it past the group's position.
    pub gone: u64,
    /// In a drain's report: it ended in time, with the group's position behind all of these.
    pub clean: bool,
}

impl NotificationsReport {
    /// The sum of two channels; not clean, which is known only once all are drained.
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
