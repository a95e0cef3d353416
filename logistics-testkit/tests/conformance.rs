//! The conformance suites over the in-memory reference.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError, NotifyErrorKind};
use logistics_testkit::conformance::{self, Harness, NotifierCapabilities, NotifierFixture, NotifierHarness};
use logistics_testkit::{MemoryHarness, block_on, executor};

/// A notifier that collects what it is given.
struct Collecting;

#[async_trait]
impl Harness for Collecting {
    async fn pause(&self) {
        executor::yield_now().await;
    }
}

#[async_trait]
impl NotifierHarness for Collecting {
    fn capabilities(&self) -> NotifierCapabilities {
        NotifierCapabilities { observable: true, breakable: true }
    }

    async fn fresh(&self) -> Box<dyn NotifierFixture> {
        Box::new(Collected(Arc::new(Collector(Mutex::new(Some(Vec::new()))))))
    }
}

/// What was delivered; `None` once the other side is cut off.
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
impl NotifierFixture for Collected {
    fn notifier(&self) -> Arc<dyn Notifier> {
        Arc::clone(&self.0) as Arc<dyn Notifier>
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
    let report = block_on(conformance::bus(&MemoryHarness::plain()));
    assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
}

#[test]
fn the_memory_store_is_a_store() {
    let report = block_on(conformance::store(&MemoryHarness::plain()));
    assert!(report.skipped.is_empty() && report.passed.len() > 20, "{report}");
}

#[test]
fn a_notifier_that_collects_is_a_notifier() {
    let report = block_on(conformance::notifier(&Collecting));
    assert!(report.skipped.is_empty() && report.passed.len() >= 6, "{report}");
}
