//! The conformance suites over the in-memory reference.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError};
use logistics_core::text::escaped_json;
use logistics_testkit::conformance::{self, NotifierFault, NotifierHarness};
use logistics_testkit::{MemoryHarness, block_on};

/// Keeps what it delivers, or fails.
#[derive(Default)]
struct Collector(Mutex<Collected>);

#[derive(Default)]
struct Collected {
    delivered: Vec<Notification>,
    fails: Option<NotifierFault>,
}

impl Collector {
    fn state(&self) -> MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Notifier for Collector {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let mut state = self.state();
        let Some(fault) = state.fails else {
            state.delivered.push(notification.clone());
            return Ok(());
        };
        let error = NotifyError::new(fault.kind(), "on purpose");
        Err(match fault {
            NotifierFault::RateLimited(Some(wait_s)) => error.with_retry_after_ms(u64::from(wait_s) * 1000),
            _ => error,
        })
    }
}

struct Collecting(Arc<Collector>);

#[async_trait]
impl NotifierHarness for Collecting {
    fn notifier(&self) -> Arc<dyn Notifier> {
        self.0.clone()
    }

    async fn delivered(&self) -> String {
        let line = |one| format!("{}\n", escaped_json(&serde_json::to_string(one).unwrap()));
        self.0.state().delivered.iter().map(line).collect()
    }

    async fn cut(&mut self) {
        self.0.state().fails = Some(NotifierFault::Busy);
    }

    fn faults(&self) -> Vec<NotifierFault> {
        let limits = [NotifierFault::RateLimited(Some(2)), NotifierFault::RateLimited(None)];
        limits.into_iter().chain([NotifierFault::Unauthorized, NotifierFault::Rejected]).collect()
    }

    async fn fail(&mut self, fault: Option<NotifierFault>) {
        self.0.state().fails = fault;
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
    let fresh = async || Collecting(Arc::default());
    let report = block_on(conformance::notifier(fresh));
    assert!(report.skipped.is_empty() && report.passed.len() >= 12, "{report}");
}
