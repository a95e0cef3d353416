//! Subscriptions and tails.

use std::collections::BTreeSet;

use async_trait::async_trait;
use logistics_core::port::{Batch, PortError, ReadLimit, Subscription, SubscriptionEvent, Tail};
use logistics_core::{Offset, Partition};

use crate::layer::{Layer, Operation};
use crate::layered::LayeredReader;

fn subscription(name: &'static str) -> Operation {
    Operation { port: "subscription", name }
}

#[async_trait]
impl<P: Subscription + ?Sized, L: Layer> Subscription for LayeredReader<P, L> {
    async fn next(
        &mut self,
        limit: ReadLimit,
        held: &BTreeSet<Partition>,
    ) -> Result<SubscriptionEvent, PortError> {
        self.layer.wait(subscription("next"), self.port.next(limit, held)).await
    }

    fn assigned(&self) -> BTreeSet<Partition> {
        self.port.assigned()
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        self.layer.call(subscription("acknowledge"), self.port.acknowledge(partition, next)).await
    }

    async fn release(&mut self, partitions: &[Partition]) -> Result<(), PortError> {
        self.layer.call(subscription("release"), self.port.release(partitions)).await
    }
}

#[async_trait]
impl<P: Tail + ?Sized, L: Layer> Tail for LayeredReader<P, L> {
    async fn next(&mut self, limit: ReadLimit) -> Result<Batch, PortError> {
        let next = Operation { port: "tail", name: "next" };
        self.layer.wait(next, self.port.next(limit)).await
    }
}
