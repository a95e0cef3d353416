//! The positions of a group of readers, on a real broker: the log is shortened past one, and one is deleted.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use logistics_containers::{Kafka, Suite};
use logistics_core::port::{EventBus, ReadLimit, StartAt, Subscription, SubscriptionEvent, Topic};
use logistics_core::{Offset, OrderId, Partition};
use logistics_kafka::{Config, KafkaBus};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset as Position, TopicPartitionList};

const GROUP: &str = "readers";
const P: Partition = Partition(0);
/// Longer than a member that is gone without notice stays in its group.
const PATIENCE: Duration = Duration::from_secs(60);
const ONE: ReadLimit = ReadLimit { records: 1, bytes: 1 };

fn main() -> ExitCode {
    Suite::new()
        .test("a_log_that_was_shortened_past_the_position_is_read_on_at_its_start", shortened)
        .test("a_group_that_was_deleted_starts_where_its_reader_says", deleted)
        .run()
}

struct System {
    kafka: Kafka,
    bus: KafkaBus,
}

impl System {
    async fn start() -> Self {
        let kafka = Kafka::start().await;
        let bus = KafkaBus::new(Config::new(kafka.address(), 1)).expect("valid settings");
        bus.create_topics(None).await.expect("the topics are created");
        Self { kafka, bus }
    }

    async fn append(&self, records: u64) {
        let order_id = OrderId::parse("o-1").expect("an order id");
        for _ in 0..records {
            self.bus.append(&order_id, "{}".into()).await.expect("it is written");
        }
    }

    async fn subscribe(&self, from: StartAt) -> Box<dyn Subscription> {
        self.bus.subscribe(Topic::Orders, GROUP, from).await.expect("a member")
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", self.kafka.address()).create().expect("an admin client")
    }
}

async fn next(subscription: &mut dyn Subscription) -> SubscriptionEvent {
    let held = BTreeSet::new();
    let event = tokio::time::timeout(PATIENCE, subscription.next(ONE, &held)).await;
    event.expect("an event in time").expect("no failure")
}

fn offset_of(event: &SubscriptionEvent) -> Option<Offset> {
    match event {
        SubscriptionEvent::Records(delivery) => Some(delivery.batch.records[0].offset),
        _ => None,
    }
}

async fn shortened() {
    let system = System::start().await;
    system.append(6).await;
    let mut first = system.subscribe(StartAt::Start).await;
    assert_eq!(next(&mut *first).await, SubscriptionEvent::Started(vec![(P, Offset(0))]));
    assert_eq!(offset_of(&next(&mut *first).await), Some(Offset(0)));
    first.acknowledge(P, Offset(1)).await.expect("the position is durable");
    drop(first);

    let mut before = TopicPartitionList::new();
    before.add_partition_offset("orders", 0, Position::Offset(4)).expect("a position");
    let deleted = system.admin().delete_records(&before, &AdminOptions::new()).await.expect("an answer");
    assert!(deleted.elements()[0].error().is_ok());

    let mut second = system.subscribe(StartAt::End).await;
    let moved = SubscriptionEvent::Moved { partition: P, from: Offset(1), to: Offset(4) };
    assert_eq!(next(&mut *second).await, moved);
    assert_eq!(offset_of(&next(&mut *second).await), Some(Offset(4)));
    assert_eq!(offset_of(&next(&mut *second).await), Some(Offset(5)));

    // A position behind the end is what a log leaves that lost its last records.
    second.acknowledge(P, Offset(100)).await.expect("the broker takes any");
    drop(second);
    let mut third = system.subscribe(StartAt::Start).await;
    let moved = SubscriptionEvent::Moved { partition: P, from: Offset(100), to: Offset(6) };
    assert_eq!(next(&mut *third).await, moved);
    system.append(1).await;
    assert_eq!(offset_of(&next(&mut *third).await), Some(Offset(6)));
}

async fn deleted() {
    let system = System::start().await;
    system.append(2).await;
    let mut first = system.subscribe(StartAt::Start).await;
    assert_eq!(next(&mut *first).await, SubscriptionEvent::Started(vec![(P, Offset(0))]));
    drop(first);
    let delete = async {
        loop {
            let deleted =
                system.admin().delete_groups(&[GROUP], &AdminOptions::new()).await.expect("an answer");
            match &deleted[0] {
                Ok(_) => break,
                // Its member is not out yet.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, delete).await.expect("the group is deleted");

    let mut second = system.subscribe(StartAt::End).await;
    assert_eq!(next(&mut *second).await, SubscriptionEvent::Started(vec![(P, Offset(2))]));
    drop(second);
    system.append(1).await;
    let mut third = system.subscribe(StartAt::End).await;
    assert_eq!(offset_of(&next(&mut *third).await), Some(Offset(2)), "the start was durable");
}
