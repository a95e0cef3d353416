//! The conformance suites over the in-memory reference.
#![cfg(feature = "testkit")]

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{EventBus, Notifier, NotifyError, NotifyErrorKind, OrderStore};
use logistics_core::testkit::conformance::{
    self, BusCapabilities, BusFixture, BusHarness, Harness, NotifierCapabilities, NotifierFixture,
    NotifierHarness, StoreCapabilities, StoreFixture, StoreHarness,
};
use logistics_core::testkit::{MemoryBus, MemoryOrderStore, block_on, executor};

const PARTITIONS: u32 = 5;

struct Memory;

#[async_trait]
impl Harness for Memory {
    async fn pause(&self) {
        executor::yield_now().await;
    }
}

#[async_trait]
impl BusHarness for Memory {
    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities { several_members: true, restart: true }
    }

    async fn fresh(&self) -> Box<dyn BusFixture> {
        Box::new(Bus(MemoryBus::new(PARTITIONS)))
    }
}

struct Bus(MemoryBus);

#[async_trait]
impl BusFixture for Bus {
    fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(self.0.clone())
    }

    // The broker goes on when a client restarts, and here everything but the broker is the client.
    async fn restart(&mut self) {
        self.0 = self.0.clone();
    }
}

#[async_trait]
impl StoreHarness for Memory {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { restart: true }
    }

    async fn fresh(&self) -> Box<dyn StoreFixture> {
        Box::new(Store(MemoryOrderStore::new(PARTITIONS)))
    }
}

struct Store(MemoryOrderStore);

#[async_trait]
impl StoreFixture for Store {
    fn partitions(&self) -> u32 {
        PARTITIONS
    }

    fn store(&self) -> Arc<dyn OrderStore> {
        Arc::new(self.0.clone())
    }

    async fn restart(&mut self) {
        self.0 = self.0.clone();
    }
}

#[async_trait]
impl NotifierHarness for Memory {
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
    let report = block_on(conformance::bus(&Memory));
    assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
}

#[test]
fn the_memory_store_is_a_store() {
    let report = block_on(conformance::store(&Memory));
    assert!(report.skipped.is_empty() && report.passed.len() > 20, "{report}");
}

#[test]
fn a_notifier_that_collects_is_a_notifier() {
    let report = block_on(conformance::notifier(&Memory));
    assert!(report.skipped.is_empty() && report.passed.len() >= 6, "{report}");
}
