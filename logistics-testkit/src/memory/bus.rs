//! The event bus over a [`Broker`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use async_trait::async_trait;
use bytes::Bytes;

use super::faults::{Dice, Faults};
use super::inner::{Inner, check_published, check_size};
use super::membership::MemoryMembership;
use super::readers::{MemorySubscription, MemoryTail};
use super::shared::Shared;
use crate::broker::{Broker, Member, Reader};
use logistics_core::port::{
    Bounds, Clock, EventBus, Membership, PortError, StartAt, Subscription, Tail, Topic,
};
use logistics_core::{Offset, OrderId, Partition};

/// Separates the dice of the bus from those of the store.
const DICE_STREAM: u64 = 0x6275_7300;

/// An [`EventBus`] in memory. Clones are the same bus, as clients of one broker are.
#[derive(Clone)]
pub struct MemoryBus(Arc<Inner>);

impl MemoryBus {
    /// A bus with empty topics of this many partitions each, without faults. Its records have the epoch as their time.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        Self::build(partitions, Faults::none(), None)
    }

    /// The same with faults, and with a clock for the records' times.
    #[must_use]
    pub fn with_faults(partitions: u32, faults: Faults, clock: Arc<dyn Clock>) -> Self {
        Self::build(partitions, faults, Some(clock))
    }

    /// Replaces the faults; [`Faults::none`] for the end of a test in which everything must settle. The seed stays.
    pub fn set_faults(&self, faults: Faults) {
        self.0.shared.set_faults(faults);
    }

    /// Looks at the broker or changes it by hand; waiting calls look again afterwards.
    pub fn with_broker<R>(&self, step: impl FnOnce(&mut Broker) -> R) -> R {
        self.0.shared.update(|broker, _| step(broker))
    }

    fn build(partitions: u32, faults: Faults, clock: Option<Arc<dyn Clock>>) -> Self {
        let shared = Shared::new(Broker::new(partitions), Dice::new(faults, DICE_STREAM));
        Self(Arc::new(Inner { partitions, shared, clock, named: AtomicU32::new(0) }))
    }
}

impl fmt::Debug for MemoryBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBus").field("partitions", &self.0.partitions).finish_non_exhaustive()
    }
}

#[async_trait]
impl EventBus for MemoryBus {
    fn partitions(&self) -> u32 {
        self.0.partitions
    }

    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError> {
        check_size(&payload)?;
        self.0.shared.enter("append").await?;
        let offset = self.0.write(|broker, _| broker.append_input(order_id, payload));
        self.0.shared.answer("append", offset)
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError> {
        check_published(topic, partition, self.0.partitions)?;
        check_size(&payload)?;
        self.0.shared.enter("publish").await?;
        let offset = self.0.write(|broker, _| broker.append(topic, partition, Some(key), payload));
        self.0.shared.answer("publish", offset)
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        self.0.shared.enter("join").await?;
        let member = Member(self.0.name());
        self.0.shared.update(|broker, _| broker.join(member));
        Ok(Box::new(MemoryMembership::new(Arc::clone(&self.0), member)))
    }

    async fn subscribe(
        &self,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Box<dyn Subscription>, PortError> {
        self.0.shared.enter("subscribe").await?;
        let reader = Reader(self.0.name());
        self.0.shared.update(|broker, _| broker.join_readers(topic, group, reader, from));
        Ok(Box::new(MemorySubscription::new(Arc::clone(&self.0), topic, group, reader)))
    }

    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError> {
        self.0.shared.enter("tail").await?;
        Ok(Box::new(MemoryTail::new(Arc::clone(&self.0), topic, partition, from)))
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError> {
        self.0.shared.enter("read the bounds").await?;
        Ok(self.0.shared.look(|broker, _| broker.bounds(topic, partition)))
    }
}
