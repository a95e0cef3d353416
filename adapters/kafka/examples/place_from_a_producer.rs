//! Places an order with a plain Kafka producer, and reads the decision of the processor.
//!
//! Needs the topics and a running processor (`logistics topics create`, `order-processor`):
//! `cargo run -p logistics-kafka --example place_from_a_producer -- 127.0.0.1:9092 order-1`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::{Duration, SystemTime};

use logistics_core::port::{EventBus, ReadLimit, Topic};
use logistics_core::wire::{self, Record};
use logistics_core::{Actor, Command, Offset, OrderId, Partition, Placement, Request, Timestamp};
use logistics_kafka::{Config, KafkaBus};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};

/// The number of partitions of the topic `orders`.
const PARTITIONS: u32 = 12;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let brokers = args.next().ok_or("the address of a broker is missing")?;
    let order_id = OrderId::parse(&args.next().ok_or("the order id is missing")?)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let request = Request::new(
        order_id.as_str().parse()?,
        order_id.clone(),
        Actor::Customer,
        Command::Place(Placement::new()),
        Timestamp::from_millis(now.as_millis().try_into()?),
    );
    // With murmur2 of the key, the record goes to the partition of its order. Java's clients do so by default.
    let mut settings = ClientConfig::new();
    let settings = settings.set("bootstrap.servers", &brokers).set("partitioner", "murmur2");
    let (producer, payload): (FutureProducer, _) = (settings.create()?, wire::encode_request(&request));
    let record = FutureRecord::to("orders").key(order_id.as_str()).payload(&payload[..]);
    let placed = producer.send(record, Duration::from_secs(5)).await.map_err(|(error, _)| error)?;
    println!("placed {order_id} in partition {} at offset {}", placed.partition, placed.offset);
    // The processor commits a fact or an outcome after the request, in the same partition.
    let bus = KafkaBus::new(Config::new(&brokers, PARTITIONS))?;
    let (partition, offset) = (Partition(placed.partition.try_into()?), Offset(placed.offset.try_into()?));
    let mut log = bus.tail(Topic::Orders, partition, offset).await?;
    loop {
        for record in log.next(ReadLimit { records: 100, bytes: 1_000_000 }).await?.records {
            let decision = match wire::decode(&record, partition) {
                Ok(Record::Fact(fact)) if fact.order_id == order_id => format!("{fact:?}"),
                Ok(Record::Outcome(outcome)) if outcome.offset == offset => format!("{outcome:?}"),
                _ => continue,
            };
            println!("{decision}");
            return Ok(());
        }
    }
}
