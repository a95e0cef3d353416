//! A Kafka client that is independent of this project's adapters.

use std::time::Duration;

use logistics_core::{OrderId, partition_of};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};

use crate::PARTITIONS;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Writes records to one topic.
pub struct Records {
    topic: String,
    producer: FutureProducer,
}

impl Records {
    /// A producer for this topic.
    ///
    /// # Panics
    /// If the client cannot be created.
    #[must_use]
    pub fn to(brokers: &str, topic: String) -> Self {
        let mut settings = ClientConfig::new();
        settings.set("bootstrap.servers", brokers).set("message.max.bytes", "5000000");
        Self { topic, producer: settings.create().expect("a producer") }
    }

    /// Writes one record. Without a partition, the client's partitioner chooses one.
    ///
    /// # Panics
    /// If the broker rejects the record.
    pub async fn write(&self, partition: Option<u32>, key: Option<&str>, payload: &[u8]) {
        let mut record = FutureRecord::<str, [u8]>::to(&self.topic).payload(payload);
        record.partition = partition.and_then(|partition| i32::try_from(partition).ok());
        record.key = key;
        self.producer.send(record, TIMEOUT).await.map_err(|(error, _)| error).expect("the broker accepts it");
    }
}

impl Records {
    /// Writes many records, each with its key in the partition of an order with this id, without waiting for each.
    ///
    /// # Panics
    /// If the broker rejects one.
    pub async fn write_all(&self, records: impl Iterator<Item = (String, Vec<u8>)>) {
        let mut sent = Vec::new();
        for (key, payload) in records {
            let partition = partition_of(&OrderId::parse(&key).expect("an order id"), PARTITIONS);
            loop {
                let record = FutureRecord::to(&self.topic).key(&key).payload(&payload);
                let record = record.partition(i32::try_from(partition.0).expect("few"));
                match self.producer.send_result(record) {
                    Ok(delivery) => break sent.push(delivery),
                    // The queue of the client is full.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        }
        for delivery in sent {
            let delivered = delivery.await.expect("the producer exists");
            delivered.map_err(|(error, _)| error).expect("the broker accepts it");
        }
    }
}

/// Whether every partition has a leader and all replicas in sync, according to one of the brokers. Blocks.
///
/// # Panics
/// If the client cannot be created.
#[must_use]
pub fn is_replicated(brokers: &str) -> bool {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a consumer");
    let Ok(metadata) = consumer.fetch_metadata(None, TIMEOUT) else { return false };
    let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    partitions.all(|it| it.error().is_none() && it.isr().len() == it.replicas().len())
}

/// The lag of a group behind the ends of a topic, in records and markers. Blocks.
///
/// # Panics
/// If the broker does not answer.
#[must_use]
pub fn lag(brokers: &str, group: &str, topic: &str, partitions: u32) -> i64 {
    let mut settings = ClientConfig::new();
    settings.set("bootstrap.servers", brokers).set("group.id", group);
    settings.set("isolation.level", "read_uncommitted");
    let consumer: BaseConsumer = settings.create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).expect("few") {
        list.add_partition(topic, partition);
    }
    let committed = consumer.committed_offsets(list, TIMEOUT).expect("the group's positions");
    let behind = committed.elements().into_iter().map(|position| {
        let (_, end) =
            consumer.fetch_watermarks(topic, position.partition(), TIMEOUT).expect("the log's end");
        match position.offset() {
            Offset::Offset(offset) => end - offset,
            _ => end,
        }
    });
    behind.sum()
}
