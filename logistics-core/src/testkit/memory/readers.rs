//! Those who only read.

use std::sync::Arc;

use async_trait::async_trait;

use super::inner::Inner;
use super::partition_log::truncated;
use crate::ids::{Offset, Partition};
use crate::port::{Batch, Delivery, PortError, PortErrorKind, ReadLimit, Subscription, Tail, Topic};
use crate::testkit::broker::Reader;

/// What one delivery holds at most.
const DELIVERY: ReadLimit = ReadLimit { records: 100, bytes: 1024 * 1024 };

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
    async fn next(&mut self) -> Result<Delivery, PortError> {
        self.bus.shared.enter("read as a group").await?;
        let Self { bus, topic, group, reader } = self;
        Ok(bus.shared.wait(|broker| broker.deliver(*topic, group, *reader, DELIVERY)).await)
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
