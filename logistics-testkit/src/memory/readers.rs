//! Subscriptions and tails.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::inner::Inner;
use super::partition_log::truncated;
use crate::broker::Reader;
use logistics_core::port::{
    Batch, PortError, PortErrorKind, ReadLimit, Subscription, SubscriptionEvent, Tail, Topic,
};
use logistics_core::{Offset, Partition};

pub(super) struct MemorySubscription {
    bus: Arc<Inner>,
    topic: Topic,
    group: String,
    reader: Reader,
}

impl MemorySubscription {
    pub(super) fn new(bus: Arc<Inner>, topic: Topic, group: &str, reader: Reader) -> Self {
        Self { bus, topic, group: group.to_owned(), reader }
    }
}

#[async_trait]
impl Subscription for MemorySubscription {
    async fn next(
        &mut self,
        limit: ReadLimit,
        held: &BTreeSet<Partition>,
    ) -> Result<SubscriptionEvent, PortError> {
        self.bus.shared.enter("read as a group").await?;
        let Self { bus, topic, group, reader } = self;
        // The step may have changed a condition for which others wait.
        let event = bus.shared.wait(|broker| broker.deliver(*topic, group, *reader, limit, held)).await;
        bus.shared.update(|_, _| ());
        Ok(event)
    }

    fn assigned(&self) -> BTreeSet<Partition> {
        let Self { bus, topic, group, reader } = self;
        bus.shared.look(|broker, _| broker.assigned_to(*topic, group, *reader))
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        self.bus.shared.enter("acknowledge").await?;
        let Self { bus, topic, group, reader } = self;
        let moved =
            bus.shared.update(|broker, _| broker.acknowledge(*topic, group, *reader, partition, next));
        if !moved {
            let message = format!("partition {partition} is another reader's now");
            return Err(PortError::new(PortErrorKind::Closed, message));
        }
        self.bus.shared.answer("acknowledge", ())
    }

    async fn release(&mut self, partitions: &[Partition]) -> Result<(), PortError> {
        self.bus.shared.enter("release").await?;
        let Self { bus, topic, group, reader } = self;
        bus.shared.update(|broker, _| broker.release_readers(*topic, group, *reader, partitions));
        self.bus.shared.answer("release", ())
    }
}

impl Drop for MemorySubscription {
    fn drop(&mut self) {
        let Self { bus, topic, group, reader } = self;
        bus.shared.update(|broker, _| broker.leave_readers(*topic, group, *reader));
    }
}

pub(super) struct MemoryTail {
    bus: Arc<Inner>,
    topic: Topic,
    partition: Partition,
    from: Offset,
}

impl MemoryTail {
    pub(super) fn new(bus: Arc<Inner>, topic: Topic, partition: Partition, from: Offset) -> Self {
        Self { bus, topic, partition, from }
    }
}

#[async_trait]
impl Tail for MemoryTail {
    async fn next(&mut self, limit: ReadLimit) -> Result<Batch, PortError> {
        self.bus.shared.enter("read").await?;
        let (topic, partition, from) = (self.topic, self.partition, self.from);
        let batch = self
            .bus
            .shared
            .wait(|broker| broker.read_committed(topic, partition, from, limit).transpose())
            .await
            .map_err(truncated)?;
        self.from = batch.next;
        Ok(batch)
    }
}
