//! The notification that a partition delivers now.

use std::sync::atomic::{AtomicI64, Ordering};

use logistics_core::Timestamp;

/// The time of the fact of a partition's current notification, which is its oldest incomplete one. The delivery sets it for
/// each notification, so it is an atomic and not a lock.
#[derive(Debug)]
pub(crate) struct CurrentNotification(AtomicI64);

const NONE: i64 = i64::MIN;

impl Default for CurrentNotification {
    fn default() -> Self {
        Self(AtomicI64::new(NONE))
    }
}

impl CurrentNotification {
    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.0.store(NONE, Ordering::Relaxed);
    }

    /// `None`: every notification that was read is complete.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        match self.0.load(Ordering::Relaxed) {
            NONE => None,
            at => Some(Timestamp::from_millis(at)),
        }
    }
}
