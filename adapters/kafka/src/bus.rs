//! The event bus.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::limits::RECORD_BYTES_MAX;
use logistics_core::port::{
    Batch, Bounds, EventBus, LogIdentity, Membership, PortError, PortErrorKind, ReadLimit, StartAt,
    Subscription, Tail, Topic,
};
use logistics_core::{Offset, OrderId, Partition, partition_of};

use crate::admin::topics;
use crate::client::Brokers;
use crate::config::Config;
use crate::descriptors;
use crate::error::KafkaError;
use crate::group::membership::KafkaMembership;
use crate::group::subscription::KafkaSubscription;
use crate::produce::appender::Appender;
use crate::read::committed::Committed;
use crate::read::fetcher::Fetcher;
use crate::read::lookup::Lookup;

/// The event bus on Kafka. Clones are the same bus.
#[derive(Clone)]
pub struct KafkaBus {
    brokers: Arc<Brokers>,
    lookup: Arc<Lookup>,
    /// Created by the first append, because processors do not append. Replaced after a fatal error of its producer.
    appender: Arc<Mutex<Option<Arc<Appender>>>>,
}

impl KafkaBus {
    /// Creates a bus without contacting the brokers.
    ///
    /// # Errors
    /// [`KafkaError::Setting`], which names the invalid setting.
    pub fn new(config: Config) -> Result<Self, KafkaError> {
        let brokers = Brokers::new(config)?;
        let lookup = Lookup::new(&brokers)?;
        Ok(Self { brokers, lookup, appender: Arc::default() })
    }

    /// The brokers, as configured.
    #[must_use]
    pub fn address(&self) -> String {
        self.brokers.config.brokers.clone()
    }

    /// Checks that the topics exist, have the configured number of partitions, and have no setting that loses a record, makes one
    /// unreadable or makes a commit impossible. A setting that is only unwise is logged, once for each bus.
    ///
    /// # Errors
    /// `Unavailable` if no broker answers or a topic does not exist (yet); `Refused` if a topic must be changed or the credentials
    /// are wrong. The text contains the correction.
    pub async fn check_topics(&self) -> Result<(), PortError> {
        Ok(topics::check(&self.lookup).await?)
    }

    /// Identifies the log of orders: `<cluster id>/<topic id>/<topic>`, without the topic's id on brokers before Kafka 2.8. A topic
    /// that was deleted and created again has another identity, and so has its copy in another cluster.
    ///
    /// # Errors
    /// `Unavailable` if no broker answers or the topic does not exist (yet); `Refused` if the credentials are wrong.
    pub async fn identity(&self) -> Result<LogIdentity, PortError> {
        Ok(self.lookup.identity().await?)
    }

    /// Identifies the system of processors of this log: `<cluster id>/<topic> decided by <group>`. A topic that was deleted and created
    /// again belongs to the same system.
    ///
    /// # Errors
    /// As [`identity`](Self::identity).
    pub async fn system(&self) -> Result<String, PortError> {
        Ok(self.lookup.system().await?)
    }

    /// File descriptors of a process that owns all partitions, for the number of brokers in the last
    /// [`check_topics`](Self::check_topics). With a lower limit, the process fails to acquire some partitions.
    #[must_use]
    pub fn descriptors_needed(&self) -> u64 {
        descriptors::needed(self.brokers.config.partitions, self.brokers.count())
    }

    /// Creates the missing topics with unlimited retention, and returns those that it created. `replication` is the number of replicas
    /// of each partition; `None` means the brokers' default.
    ///
    /// # Errors
    /// As [`check_topics`](Self::check_topics), which runs at the end.
    pub async fn create_topics(&self, replication: Option<i32>) -> Result<Vec<Topic>, PortError> {
        Ok(topics::create(&self.lookup, replication).await?)
    }

    /// Deletes the topics and all of their records, for tests and benchmarks. Stop all readers and processors first. The brokers remove
    /// empty groups by themselves.
    ///
    /// # Errors
    /// `Unavailable` if no broker answers; `Refused` if the user lacks the right.
    pub async fn delete_topics(&self) -> Result<(), PortError> {
        Ok(topics::delete(&self.lookup).await?)
    }

    /// For each partition of the topic `orders`: the offset at which committed readers stop, if there are records behind it. A
    /// transaction is open there. Those of processors end within milliseconds, so only an offset that stays is a stuck one.
    ///
    /// # Errors
    /// `Unavailable` if no broker answers; `Refused` if the user lacks the right.
    pub async fn hidden_from(&self) -> Result<Vec<Option<Offset>>, PortError> {
        Ok(self.lookup.hidden_from().await?)
    }

    /// Opens the producer of appends. Without this call, the first append opens it and takes half a second longer.
    ///
    /// # Errors
    /// `Unavailable` if no broker answers; `Refused` if the credentials are wrong.
    pub async fn prepare_appends(&self) -> Result<(), PortError> {
        Ok(self.appender()?.prepare(Topic::Orders).await?)
    }

    fn appender(&self) -> Result<Arc<Appender>, KafkaError> {
        let mut kept = self.appender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(appender) = &*kept {
            let Some(cause) = appender.fatal_error() else { return Ok(appender.clone()) };
            tracing::warn!(cause, "the producer of appends had a fatal error; opening another one");
        }
        let made = Arc::new(Appender::new(&self.brokers)?);
        Ok(kept.insert(made).clone())
    }
}

#[async_trait]
impl EventBus for KafkaBus {
    fn partitions(&self) -> u32 {
        self.brokers.config.partitions
    }

    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError> {
        check_size(&payload)?;
        let partition = partition_of(order_id, self.partitions());
        let key = order_id.as_str().as_bytes();
        Ok(self.appender()?.append(Topic::Orders, partition, key, &payload).await?)
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError> {
        if !topic.is_published() || partition.0 >= self.partitions() {
            let text = format!("partition {partition} of {} accepts no published record", topic.name());
            return Err(PortError::new(PortErrorKind::Refused, text));
        }
        check_size(&payload)?;
        Ok(self.appender()?.append(topic, partition, &key, &payload).await?)
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        self.check_topics().await?;
        Ok(Box::new(KafkaMembership::join(&self.brokers, &self.lookup).await?))
    }

    async fn subscribe(
        &self,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Box<dyn Subscription>, PortError> {
        Ok(Box::new(KafkaSubscription::join(&self.lookup, topic, group, from).await?))
    }

    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError> {
        let fetcher = Fetcher::open(&self.brokers, self.brokers.config.topic(topic)).await?;
        let committed = Committed::new(&self.lookup, topic, partition, &fetcher);
        Ok(Box::new(KafkaTail { committed, next: from }))
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError> {
        Ok(self.lookup.bounds(topic, partition).await?)
    }
}

/// Rejects a record over the log's limit.
fn check_size(payload: &Bytes) -> Result<(), PortError> {
    if payload.len() <= RECORD_BYTES_MAX {
        return Ok(());
    }
    let text = format!("the record has {} bytes; at most {RECORD_BYTES_MAX} are permitted", payload.len());
    Err(PortError::new(PortErrorKind::TooLarge, text))
}

struct KafkaTail {
    committed: Committed,
    next: Offset,
}

#[async_trait]
impl Tail for KafkaTail {
    async fn next(&mut self, limit: ReadLimit) -> Result<Batch, PortError> {
        let batch = self.committed.read(self.next, limit).await?;
        self.next = batch.next;
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    #[tokio::test]
    async fn a_producer_with_a_fatal_error_is_replaced() {
        let brokers = MockCluster::new(1).expect("a broker in this process");
        brokers.create_topic("orders", 1, 1).expect("a topic");
        let bus = KafkaBus::new(Config::new(brokers.bootstrap_servers(), 1)).expect("valid settings");
        let append =
            async || bus.append(&OrderId::parse("o-1").expect("valid"), Bytes::from_static(b"{}")).await;
        assert_eq!(append().await.expect("appended"), Offset(0));
        let first = bus.appender().expect("an appender");
        first.fail_for_good();
        assert_eq!(append().await.expect("appended by another producer"), Offset(1));
        assert!(!Arc::ptr_eq(&first, &bus.appender().expect("an appender")));
    }
}
