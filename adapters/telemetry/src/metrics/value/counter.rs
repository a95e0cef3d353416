//! Counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(in crate::metrics) struct Counter(AtomicU64);

impl Counter {
    pub(in crate::metrics) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(in crate::metrics) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
