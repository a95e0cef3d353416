//! Both ports of the store.

use async_trait::async_trait;
use logistics_core::port::{
    ClearOutcome, DocumentLookup, ListQuery, Loaded, OrderReader, OwnerStore, Page, PortError, Recovery,
    StatusSummary, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};
use logistics_core::{OrderId, Partition, RequestId, RequestOutcome};

use crate::layer::{Layer, Operation};
use crate::layered::Layered;

fn owner(name: &'static str) -> Operation {
    Operation { port: "owner_store", name }
}

#[async_trait]
impl<P: OwnerStore + ?Sized, L: Layer> OwnerStore for Layered<P, L> {
    async fn recover(&self, partition: Partition) -> Result<Recovery, PortError> {
        self.layer.read(owner("recover"), || self.port.recover(partition)).await
    }

    async fn load(&self, partition: Partition, ids: &[OrderId]) -> Result<Loaded, PortError> {
        self.layer.read(owner("load"), || self.port.load(partition, ids)).await
    }

    async fn write(&self, write: StoreWrite) -> Result<WriteOutcome, PortError> {
        self.layer.call(owner("write"), self.port.write(write)).await
    }

    async fn clear(&self, partition: Partition, token: Token) -> Result<ClearOutcome, PortError> {
        self.layer.call(owner("clear"), self.port.clear(partition, token)).await
    }
}

fn reader(name: &'static str) -> Operation {
    Operation { port: "order_reader", name }
}

#[async_trait]
impl<P: OrderReader + ?Sized, L: Layer> OrderReader for Layered<P, L> {
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError> {
        self.layer.read(reader("document"), || self.port.document(order_id)).await
    }

    async fn checkpoint(&self, partition: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        self.layer.read(reader("checkpoint"), || self.port.checkpoint(partition)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        self.layer.read(reader("list"), || self.port.list(query)).await
    }

    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        self.layer.read(reader("summary"), || self.port.summary()).await
    }

    async fn outcome(&self, order_id: &OrderId, request: &RequestId) -> Result<RequestOutcome, PortError> {
        self.layer.wait(reader("outcome"), self.port.outcome(order_id, request)).await
    }
}
