//! The suites of bus and store over the ports in memory, plain or behind decorators.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::{EventBus, OrderStore};

use super::{MemoryBus, MemoryOrderStore};
use crate::conformance::{BusHarness, StoreHarness};
use crate::executor;

const PARTITIONS: u32 = 5;

/// Runs the suites on a [`MemoryBus`] or a [`MemoryOrderStore`], plain or behind a decorator.
///
/// ```
/// use std::sync::Arc;
///
/// use logistics_testkit::{MemoryHarness, block_on, conformance};
///
/// let report = block_on(conformance::bus(async || MemoryHarness::bus(|bus| Arc::new(bus))));
/// assert!(report.skipped.is_empty(), "{report}");
/// ```
#[derive(Debug, Clone)]
pub struct MemoryHarness<P, D: ?Sized> {
    port: P,
    make: fn(P) -> Arc<D>,
}

impl MemoryHarness<MemoryBus, dyn EventBus> {
    /// An empty bus; `make` turns it into the bus under test.
    #[must_use]
    pub fn bus(make: fn(MemoryBus) -> Arc<dyn EventBus>) -> Self {
        Self { port: MemoryBus::new(PARTITIONS), make }
    }
}

impl MemoryHarness<MemoryOrderStore, dyn OrderStore> {
    /// An empty store; `make` turns it into the store under test.
    #[must_use]
    pub fn store(make: fn(MemoryOrderStore) -> Arc<dyn OrderStore>) -> Self {
        Self { port: MemoryOrderStore::new(PARTITIONS), make }
    }
}

#[async_trait]
impl BusHarness for MemoryHarness<MemoryBus, dyn EventBus> {
    fn bus(&self) -> Arc<dyn EventBus> {
        (self.make)(self.port.clone())
    }

    // The broker continues when a client restarts. Everything but the broker is the client.
    async fn restart(&mut self) {
        self.port = self.port.clone();
    }

    async fn pause(&self) {
        executor::yield_now().await;
    }
}

#[async_trait]
impl StoreHarness for MemoryHarness<MemoryOrderStore, dyn OrderStore> {
    fn partitions(&self) -> u32 {
        PARTITIONS
    }

    fn store(&self) -> Arc<dyn OrderStore> {
        (self.make)(self.port.clone())
    }

    async fn restart(&mut self) {
        self.port = self.port.clone();
    }

    async fn pause(&self) {
        executor::yield_now().await;
    }
}
