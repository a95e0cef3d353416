//! A store of your own, proven by the suite. This one decorates the store in memory: it counts its writes.
//! Run it with `cargo run -p logistics-testkit --example your_own_store`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use logistics_core::port::{
    ClearOutcome, DocumentLookup, ListQuery, Loaded, OrderReader, OrderStore, OwnerStore, Page, PortError,
    Recovery, StatusSummary, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};
use logistics_core::{OrderId, Partition, RequestId, RequestOutcome};
use logistics_testkit::{MemoryHarness, MemoryOrderStore, block_on, conformance};

static WRITES: AtomicU64 = AtomicU64::new(0);

/// Replace the calls of the store in memory by those of your database.
struct Counting(MemoryOrderStore);

#[async_trait]
impl OwnerStore for Counting {
    async fn recover(&self, partition: Partition) -> Result<Recovery, PortError> {
        self.0.recover(partition).await
    }
    async fn load(&self, partition: Partition, ids: &[OrderId]) -> Result<Loaded, PortError> {
        self.0.load(partition, ids).await
    }
    async fn write(&self, write: StoreWrite) -> Result<WriteOutcome, PortError> {
        WRITES.fetch_add(1, Ordering::Relaxed);
        self.0.write(write).await
    }
    async fn clear(&self, partition: Partition, token: Token) -> Result<ClearOutcome, PortError> {
        self.0.clear(partition, token).await
    }
}

#[async_trait]
impl OrderReader for Counting {
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError> {
        self.0.document(order_id).await
    }
    async fn checkpoint(&self, partition: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        self.0.checkpoint(partition).await
    }
    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        self.0.list(query).await
    }
    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        self.0.summary().await
    }
    async fn outcome(&self, order_id: &OrderId, request: &RequestId) -> Result<RequestOutcome, PortError> {
        self.0.outcome(order_id, request).await
    }
}

fn main() {
    let store = |memory| Arc::new(Counting(memory)) as Arc<dyn OrderStore>;
    // A failing case panics with its name. A store with its own connection implements `conformance::StoreHarness`.
    let report = block_on(conformance::store(async || MemoryHarness::store(store)));
    println!("{report}\n{} writes", WRITES.load(Ordering::Relaxed));
}
