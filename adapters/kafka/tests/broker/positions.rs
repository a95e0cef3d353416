//! The positions of a group of readers, on a real broker: the log is shortened past one, and one is deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use logistics_core::port::{EventBus, ReadLimit, StartAt, Subscription, SubscriptionEvent, Topic};
use logistics_core::{Offset, OrderId, Partition};
use rdkafka::admin::AdminOptions;
use rdkafka::{Offset as Position, TopicPartitionList};

use crate::system::System;

const GROUP: &str = "readers";
const P: Partition = Partition(0);
/// Longer than the session timeout of a member that was dropped.
const TIMEOUT: Duration = Duration::from_secs(60);
const ONE: ReadLimit = ReadLimit { records: 1, bytes: 1 };

/// Members of one group at one topic.
struct Readers(System);

impl Readers {
    async fn start() -> Self {
        Self(System::start(1).await)
    }

    async fn append(&self, records: u64) {
        let order_id = OrderId::parse("o-1").expect("an order id");
        for _ in 0..records {
            self.0.bus.append(&order_id, "{}".into()).await.expect("it is written");
        }
    }

    async fn subscribe(&self, from: StartAt) -> Box<dyn Subscription> {
        self.0.bus.subscribe(Topic::Orders, GROUP, from).await.expect("a member")
    }
}

async fn next(subscription: &mut dyn Subscription) -> SubscriptionEvent {
    let held = BTreeSet::new();
    let event = tokio::time::timeout(TIMEOUT, subscription.next(ONE, &held)).await;
    event.expect("an event in time").expect("no failure")
}

fn offset_of(event: &SubscriptionEvent) -> Option<Offset> {
    match event {
        SubscriptionEvent::Records(delivery) => Some(delivery.batch.records[0].offset),
        _ => None,
    }
}

pub(crate) async fn shortened() {
    let readers = Readers::start().await;
    readers.append(6).await;
    let mut first = readers.subscribe(StartAt::Start).await;
    assert_eq!(next(&mut *first).await, SubscriptionEvent::Started(vec![(P, Offset(0))]));
    assert_eq!(offset_of(&next(&mut *first).await), Some(Offset(0)));
    first.acknowledge(P, Offset(1)).await.expect("the position is durable");
    drop(first);

    let mut before = TopicPartitionList::new();
    let topic = readers.0.topic(Topic::Orders);
    before.add_partition_offset(&topic, 0, Position::Offset(4)).expect("a position");
    let deleted = readers.0.admin().delete_records(&before, &AdminOptions::new()).await.expect("an answer");
    assert!(deleted.elements()[0].error().is_ok());

    let mut second = readers.subscribe(StartAt::End).await;
    let moved = SubscriptionEvent::Moved { partition: P, from: Offset(1), to: Offset(4) };
    assert_eq!(next(&mut *second).await, moved);
    assert_eq!(offset_of(&next(&mut *second).await), Some(Offset(4)));
    assert_eq!(offset_of(&next(&mut *second).await), Some(Offset(5)));

    // A log that lost its last records leaves a position after its end.
    second.acknowledge(P, Offset(100)).await.expect("the broker accepts any position");
    drop(second);
    let mut third = readers.subscribe(StartAt::Start).await;
    let moved = SubscriptionEvent::Moved { partition: P, from: Offset(100), to: Offset(6) };
    assert_eq!(next(&mut *third).await, moved);
    readers.append(1).await;
    assert_eq!(offset_of(&next(&mut *third).await), Some(Offset(6)));
}

pub(crate) async fn deleted() {
    let readers = Readers::start().await;
    readers.append(2).await;
    let mut first = readers.subscribe(StartAt::Start).await;
    assert_eq!(next(&mut *first).await, SubscriptionEvent::Started(vec![(P, Offset(0))]));
    drop(first);
    let group = format!("{}{GROUP}", readers.0.config.topic_prefix);
    let delete = async {
        loop {
            let deleted =
                readers.0.admin().delete_groups(&[&group], &AdminOptions::new()).await.expect("an answer");
            match &deleted[0] {
                Ok(_) => break,
                // The group still has its member.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    tokio::time::timeout(TIMEOUT, delete).await.expect("the group is deleted");

    let mut second = readers.subscribe(StartAt::End).await;
    assert_eq!(next(&mut *second).await, SubscriptionEvent::Started(vec![(P, Offset(2))]));
    drop(second);
    readers.append(1).await;
    let mut third = readers.subscribe(StartAt::End).await;
    assert_eq!(offset_of(&next(&mut *third).await), Some(Offset(2)), "the start was durable");
}
