//! A bus that counts its readers, and facts for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::StreamExt;
use logistics_core::port::{
    Batch, Bounds, EventBus, Membership, PortError, ReadLimit, StartAt, Subscription as GroupSubscription,
    Tail, Topic,
};
use logistics_core::{Fact, Offset, OrderId, Partition, Status, Version, partition_of, wire};
use logistics_feed::{FeedEvent, Hub, HubOptions, Positions, Subscription};
use logistics_testkit::{MemoryBus, sample};

pub(crate) const PARTITIONS: u32 = 3;

/// The `n`th order of a partition.
pub(crate) fn order(partition: u32, n: usize) -> OrderId {
    sample::order_id_in(Partition(partition), PARTITIONS, n)
}

pub(crate) fn fact(order_id: &OrderId, version: u64) -> Fact {
    let mut fact = sample::facts_to(Status::Confirmed).pop().expect("a fact");
    (fact.order_id, fact.version) = (order_id.clone(), Version(version));
    fact
}

/// A fact as tests compare it: partition, offset, order and version.
pub(crate) type Seen = (Partition, Offset, OrderId, u64);

/// The bus in memory, with counts of its readers.
#[derive(Clone)]
pub(crate) struct CountedBus {
    pub(crate) bus: MemoryBus,
    open: Arc<AtomicUsize>,
    opened: Arc<AtomicUsize>,
}

impl CountedBus {
    pub(crate) fn new() -> Self {
        Self { bus: MemoryBus::new(PARTITIONS), open: Arc::default(), opened: Arc::default() }
    }

    pub(crate) fn hub(&self, options: HubOptions) -> Hub {
        Hub::new(Arc::new(self.clone()), options)
    }

    /// The number of open tails.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The number of tails opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// Appends a fact to its order's partition.
    pub(crate) fn append(&self, order_id: &OrderId, version: u64) -> Seen {
        let payload = wire::encode_fact(&fact(order_id, version));
        let (partition, offset) = (home(order_id), self.append_bytes(order_id, payload));
        (partition, offset, order_id.clone(), version)
    }

    pub(crate) fn append_bytes(&self, order_id: &OrderId, payload: Bytes) -> Offset {
        let (key, partition) = (Some(order_id.to_key()), home(order_id));
        self.bus.with_broker(|broker| broker.append(Topic::Orders, partition, key, payload))
    }
}

pub(crate) fn home(order_id: &OrderId) -> Partition {
    partition_of(order_id, PARTITIONS)
}

/// The fact of the next event.
pub(crate) async fn next(subscription: &mut Subscription) -> Seen {
    match subscription.next().await {
        Some(FeedEvent::Fact(logged)) => {
            let version = logged.fact.version.0;
            (logged.partition, logged.offset, logged.fact.order_id.clone(), version)
        }
        other => panic!("a fact was expected: {other:?}"),
    }
}

/// The facts of the next events.
pub(crate) async fn take(subscription: &mut Subscription, count: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.push(next(subscription).await);
    }
    seen
}

/// Expects that the subscription fell behind and ends.
pub(crate) async fn lagged(subscription: &mut Subscription) -> Positions {
    let event = subscription.next().await;
    let Some(FeedEvent::Lagged { resume_from }) = event else { panic!("a lag was expected: {event:?}") };
    assert!(subscription.next().await.is_none(), "the stream continues");
    resume_from
}

/// Whether no event is left once all tasks wait.
pub(crate) async fn is_quiet(subscription: &mut Subscription) -> bool {
    let quiet = std::time::Duration::from_millis(1);
    // The paused clock advances once every task waits.
    tokio::time::timeout(quiet, subscription.next()).await.is_err()
}

/// Lets the other tasks run until the condition holds. The paused clock does not advance.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    const TURNS_MAX: usize = 100_000;
    for _ in 0..TURNS_MAX {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("not within {TURNS_MAX} turns: {what}");
}

struct CountedTail(Box<dyn Tail>, Arc<AtomicUsize>);

#[async_trait]
impl Tail for CountedTail {
    async fn next(&mut self, limit: ReadLimit) -> Result<Batch, PortError> {
        self.0.next(limit).await
    }
}

impl Drop for CountedTail {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl EventBus for CountedBus {
    fn partitions(&self) -> u32 {
        self.bus.partitions()
    }

    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError> {
        EventBus::append(&self.bus, order_id, payload).await
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError> {
        self.bus.publish(topic, partition, key, payload).await
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        self.bus.join().await
    }

    async fn subscribe(
        &self,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Box<dyn GroupSubscription>, PortError> {
        self.bus.subscribe(topic, group, from).await
    }

    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError> {
        let tail = self.bus.tail(topic, partition, from).await?;
        self.open.fetch_add(1, Ordering::SeqCst);
        self.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(CountedTail(tail, self.open.clone())))
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError> {
        self.bus.bounds(topic, partition).await
    }
}
