//! A membership in the group of processors, and the log of an owned partition.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::{
    Batch, CommitOutcome, GroupEvent, LogExtent, Membership, PartitionLog, PortError, ReadLimit, Transaction,
};
use logistics_core::{Offset, Partition};

use crate::layer::{Layer, Operation};
use crate::layered::Layered;

fn member(name: &'static str) -> Operation {
    Operation { port: "membership", name }
}

#[async_trait]
impl<P: Membership + ?Sized, L: Layer> Membership for Layered<P, L> {
    async fn next(&self) -> Result<GroupEvent, PortError> {
        self.layer.wait(member("next"), self.port.next()).await
    }

    async fn owns(&self, partition: Partition) -> Result<bool, PortError> {
        self.layer.read(member("owns"), || self.port.owns(partition)).await
    }

    async fn release(&self, partitions: &[Partition]) -> Result<(), PortError> {
        self.layer.call(member("release"), self.port.release(partitions)).await
    }

    fn log(&self, partition: Partition) -> Arc<dyn PartitionLog> {
        self.layer.clone().over(self.port.log(partition))
    }

    async fn leave(&self) -> Result<(), PortError> {
        self.layer.call(member("leave"), self.port.leave()).await
    }
}

fn log(name: &'static str) -> Operation {
    Operation { port: "partition_log", name }
}

#[async_trait]
impl<P: PartitionLog + ?Sized, L: Layer> PartitionLog for Layered<P, L> {
    async fn acquire(&self) -> Result<(), PortError> {
        self.layer.call(log("acquire"), self.port.acquire()).await
    }

    async fn extent(&self) -> Result<LogExtent, PortError> {
        self.layer.read(log("extent"), || self.port.extent()).await
    }

    async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, PortError> {
        self.layer.wait(log("read"), self.port.read(from, limit)).await
    }

    async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, PortError> {
        self.layer.call(log("commit"), self.port.commit(transaction)).await
    }
}
