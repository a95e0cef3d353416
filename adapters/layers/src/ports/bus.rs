//! The event bus.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::port::{Bounds, EventBus, Membership, PortError, StartAt, Subscription, Tail, Topic};
use logistics_core::{Offset, OrderId, Partition};

use crate::layer::{Layer, Operation};
use crate::layered::{Layered, LayeredReader};

fn operation(name: &'static str) -> Operation {
    Operation { port: "event_bus", name }
}

#[async_trait]
impl<P: EventBus + ?Sized, L: Layer> EventBus for Layered<P, L> {
    fn partitions(&self) -> u32 {
        self.port.partitions()
    }

    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError> {
        self.layer.call(operation("append"), self.port.append(order_id, payload)).await
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError> {
        let publish = self.port.publish(topic, partition, key, payload);
        self.layer.call(operation("publish"), publish).await
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        let membership: Arc<dyn Membership> =
            self.layer.call(operation("join"), self.port.join()).await?.into();
        Ok(Box::new(Layered::new(membership, self.layer.clone())))
    }

    async fn subscribe(
        &self,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Box<dyn Subscription>, PortError> {
        let subscribe = self.port.subscribe(topic, group, from);
        let subscription = self.layer.call(operation("subscribe"), subscribe).await?;
        Ok(Box::new(LayeredReader::new(subscription, self.layer.clone())))
    }

    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError> {
        let tail = self.layer.read(operation("tail"), || self.port.tail(topic, partition, from)).await?;
        Ok(Box::new(LayeredReader::new(tail, self.layer.clone())))
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError> {
        self.layer.read(operation("bounds"), || self.port.bounds(topic, partition)).await
    }
}
