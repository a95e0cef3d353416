//! The conformance suites over the in-memory reference.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError, NotifyErrorKind};
use logistics_testkit::conformance::{self, NotifierHarness};
use logistics_testkit::{MemoryHarness, block_on};

/// Keeps what it delivers; `None` once the other side is unreachable.
struct Collector(Mutex<Option<Vec<Notification>>>);

#[async_trait]
impl Notifier for Collector {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let mut notified = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cut_off = || NotifyError::new(NotifyErrorKind::Unavailable, "the other side is cut off");
        notified.as_mut().ok_or_else(cut_off)?.push(notification.clone());
        Ok(())
    }
}

struct Collected(Arc<Collector>);

#[async_trait]
impl NotifierHarness for Collected {
    fn notifier(&self) -> Arc<dyn Notifier> {
        self.0.clone()
    }

    async fn delivered(&self) -> String {
        serde_json::to_string(&*self.0.0.lock().unwrap_or_else(PoisonError::into_inner)).unwrap()
    }

    async fn cut(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[test]
fn the_memory_bus_is_a_bus() {
    let report = block_on(conformance::bus(async || MemoryHarness::bus(|bus| Arc::new(bus))));
    assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
}

#[test]
fn the_memory_store_is_a_store() {
    let report = block_on(conformance::store(async || MemoryHarness::store(|store| Arc::new(store))));
    assert!(report.skipped.is_empty() && report.passed.len() > 20, "{report}");
}

#[test]
fn a_notifier_that_collects_is_a_notifier() {
    let fresh = async || Collected(Arc::new(Collector(Mutex::new(Some(Vec::new())))));
    let report = block_on(conformance::notifier(fresh));
    assert!(report.skipped.is_empty() && report.passed.len() >= 6, "{report}");
}
