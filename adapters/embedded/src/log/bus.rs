//! The event bus.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::port::{
    Batch, Bounds, EventBus, Membership, PortError, ReadLimit, StartAt, Subscription, Tail, Topic,
};
use logistics_core::{Offset, OrderId, Partition, partition_of};

use crate::error::EmbeddedError;
use crate::group::membership::Member;
use crate::group::subscription::Reader;
use crate::handle::{Handle, check_size};
use crate::limits::GROUP_BYTES_MAX;
use crate::log;
use crate::writer::request::{Append, Request};

/// [`EventBus`] of an engine.
pub(crate) struct Bus(pub(crate) Arc<Handle>);

#[async_trait]
impl EventBus for Bus {
    fn partitions(&self) -> u32 {
        self.0.shared.partitions
    }

    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError> {
        check_size(&payload)?;
        let partition = partition_of(order_id, self.0.shared.partitions);
        let log = self.0.shared.log(Topic::Orders, partition)?;
        let key = order_id.to_key();
        Ok(self.0.queue.call(|reply| Request::Append(Append { log, key, payload }, reply)).await?)
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError> {
        if !topic.is_published() {
            return Err(EmbeddedError::NotPublished(topic).into());
        }
        check_size(&payload)?;
        let log = self.0.shared.log(topic, partition)?;
        Ok(self.0.queue.call(|reply| Request::Append(Append { log, key, payload }, reply)).await?)
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        self.check_open()?;
        Ok(Box::new(Member::join(self.0.clone())))
    }

    async fn subscribe(
        &self,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Box<dyn Subscription>, PortError> {
        self.check_open()?;
        if group.len() > GROUP_BYTES_MAX {
            return Err(EmbeddedError::GroupName(group.len()).into());
        }
        Ok(Box::new(Reader::join(self.0.clone(), topic, group, from).await?))
    }

    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError> {
        self.check_open()?;
        self.0.shared.check(partition)?;
        Ok(Box::new(LogTail { handle: self.0.clone(), topic, partition, from }))
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError> {
        self.check_open()?;
        Ok(self.0.shared.bounds(topic, partition)?)
    }
}

impl Bus {
    fn check_open(&self) -> Result<(), EmbeddedError> {
        if self.0.shared.is_closed() { Err(EmbeddedError::Closed) } else { Ok(()) }
    }
}

struct LogTail {
    handle: Arc<Handle>,
    topic: Topic,
    partition: Partition,
    from: Offset,
}

#[async_trait]
impl Tail for LogTail {
    async fn next(&mut self, limit: ReadLimit) -> Result<Batch, PortError> {
        let batch = log::read(&self.handle.shared, self.topic, self.partition, self.from, limit).await?;
        self.from = batch.next;
        Ok(batch)
    }
}
