//! A transaction that nobody ends, on a real broker: whoever reads behind it says so, and goes on when it is ended.

use std::process::ExitCode;
use std::time::Duration;

use logistics_containers::{Kafka, Suite};
use logistics_core::port::{EventBus, PortErrorKind, ReadLimit, Topic};
use logistics_core::{Offset, OrderId, Partition};
use logistics_kafka::{Config, KafkaBus};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than records may be hidden.
const PATIENCE: Duration = Duration::from_secs(120);
const LIMIT: ReadLimit = ReadLimit { records: 10, bytes: 1_000_000 };

fn main() -> ExitCode {
    Suite::new().test("what_a_transaction_hides_for_good_is_told", what_is_hidden_is_told).run()
}

async fn what_is_hidden_is_told() {
    let kafka = Kafka::start().await;
    let bus = KafkaBus::new(Config::new(kafka.address(), 1)).expect("valid settings");
    bus.create_topics(None).await.expect("the topics are created");

    // It may last longer than anything of ours waits.
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.address())
        .set("transactional.id", "forgotten")
        .set("transaction.timeout.ms", "600000")
        .create()
        .expect("a producer");
    producer.init_transactions(TIMEOUT).expect("the first of its name");
    producer.begin_transaction().expect("a transaction");
    producer.send(BaseRecord::to("orders").partition(0).key("first").payload("1")).expect("it is queued");
    producer.flush(TIMEOUT).expect("it is written");
    let order_id = OrderId::parse("second").expect("an order id");
    bus.append(&order_id, "2".into()).await.expect("it is written behind");

    // A new owner reads up to here before it decides: what is hidden may be facts.
    let bounds = bus.bounds(Topic::Orders, Partition(0)).await.expect("the broker tells");
    assert_eq!(bounds.end, Offset(2), "the end counts what is hidden");

    let mut tail = bus.tail(Topic::Orders, Partition(0), Offset(0)).await.expect("a reader");
    let told = tokio::time::timeout(PATIENCE, tail.next(LIMIT)).await.expect("it is told in time");
    let told = told.expect_err("nothing can be read");
    assert_eq!(told.kind(), PortErrorKind::Unavailable);
    let told = told.to_string();
    for part in ["partition 0 of orders at ", "from offset 0 on", "Do not abort it"] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }

    producer.commit_transaction(TIMEOUT).expect("it is ended");
    let mut read = Vec::new();
    while read.len() < 2 {
        let batch = tail.next(LIMIT).await.expect("what was hidden");
        read.extend(batch.records.into_iter().map(|record| record.offset.0));
    }
    assert_eq!(read, [0, 1]);
}
