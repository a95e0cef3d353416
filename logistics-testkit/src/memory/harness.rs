//! The suites of bus and store over the ports in memory, plain or behind decorators.

use std::sync::Arc;

use async_trait::async_trait;

use super::{MemoryBus, MemoryOrderStore};
use crate::conformance::{
    BusCapabilities, BusFixture, BusHarness, Harness, StoreCapabilities, StoreFixture, StoreHarness,
};
use crate::executor;
use logistics_core::port::{EventBus, OrderStore};

const PARTITIONS: u32 = 5;

/// A harness of the suites over [`MemoryBus`] and [`MemoryOrderStore`].
#[derive(Debug, Clone, Copy)]
pub struct MemoryHarness {
    /// What is tested, made from the bus in memory.
    pub bus: fn(MemoryBus) -> Arc<dyn EventBus>,
    /// What is tested, made from the store in memory.
    pub store: fn(MemoryOrderStore) -> Arc<dyn OrderStore>,
}

impl MemoryHarness {
    /// The ports in memory as they are.
    #[must_use]
    pub fn plain() -> Self {
        Self { bus: |bus| Arc::new(bus), store: |store| Arc::new(store) }
    }
}

#[async_trait]
impl Harness for MemoryHarness {
    async fn pause(&self) {
        executor::yield_now().await;
    }
}

#[async_trait]
impl BusHarness for MemoryHarness {
    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities { several_members: true, restart: true }
    }

    async fn fresh(&self) -> Box<dyn BusFixture> {
        Box::new(Bus { bus: MemoryBus::new(PARTITIONS), make: self.bus })
    }
}

struct Bus {
    bus: MemoryBus,
    make: fn(MemoryBus) -> Arc<dyn EventBus>,
}

#[async_trait]
impl BusFixture for Bus {
    fn bus(&self) -> Arc<dyn EventBus> {
        (self.make)(self.bus.clone())
    }

    // The broker goes on when a client restarts, and here everything but the broker is the client.
    async fn restart(&mut self) {
        self.bus = self.bus.clone();
    }
}

#[async_trait]
impl StoreHarness for MemoryHarness {
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { restart: true }
    }

    async fn fresh(&self) -> Box<dyn StoreFixture> {
        Box::new(Store { store: MemoryOrderStore::new(PARTITIONS), make: self.store })
    }
}

struct Store {
    store: MemoryOrderStore,
    make: fn(MemoryOrderStore) -> Arc<dyn OrderStore>,
}

#[async_trait]
impl StoreFixture for Store {
    fn partitions(&self) -> u32 {
        PARTITIONS
    }

    fn store(&self) -> Arc<dyn OrderStore> {
        (self.make)(self.store.clone())
    }

    async fn restart(&mut self) {
        self.store = self.store.clone();
    }
}
