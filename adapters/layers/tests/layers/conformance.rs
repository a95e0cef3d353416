//! Bus and store behind all layers pass the suites of bus and store.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::observe::Observers;
use logistics_core::port::{EventBus, OrderStore};
use logistics_core::testkit::conformance::{
    self, BusCapabilities, BusFixture, BusHarness, Harness, StoreCapabilities, StoreFixture, StoreHarness,
};
use logistics_core::testkit::{MemoryBus, MemoryOrderStore};
use logistics_layers::{CircuitBreaker, Layer, Layered, Observed, Retry, TimeLimit};

const PARTITIONS: u32 = 5;

type Stack<P> = Layered<Layered<Layered<Layered<P, TimeLimit>, CircuitBreaker>, Retry>, Observed>;

fn stack<P>(port: P) -> Arc<Stack<P>> {
    let port = TimeLimit::new(10_000).over(Arc::new(port));
    let port = Retry::default().over(CircuitBreaker::new("memory", 1000, 1).over(port));
    Observed::new(Arc::new(Observers::default())).over(port)
}

struct Memory;

#[async_trait]
impl Harness for Memory {
    async fn pause(&self) {
        tokio::task::yield_now().await;
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
        stack(self.0.clone())
    }

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
        stack(self.0.clone())
    }

    async fn restart(&mut self) {
        self.0 = self.0.clone();
    }
}

#[tokio::test]
async fn a_bus_behind_all_layers_is_a_bus() {
    let report = conformance::bus(&Memory).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 30, "{report}");
}

#[tokio::test]
async fn a_store_behind_all_layers_is_a_store() {
    let report = conformance::store(&Memory).await;
    assert!(report.skipped.is_empty() && report.passed.len() > 20, "{report}");
}
