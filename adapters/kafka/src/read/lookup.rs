//! Queries about logs: bounds, offsets by time, identity and settings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use logistics_core::port::{Bounds, LogIdentity, Topic};
use logistics_core::{Offset, Partition, Timestamp};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;
use rdkafka::{Offset as Position, TopicPartitionList};

use crate::client::{Brokers, Context, blocking};
use crate::error::KafkaError;
use crate::group::member::as_client;
use crate::limits::{HIDDEN_WARNING_MS, METADATA_AGE_MS_MAX};
use crate::native::{self, Configs, Isolation};

/// [`Lookup::identity`] in an error text.
const IDENTIFYING: &str = "querying the identity of the log";

/// Events of a client between two queries: a few for each of its connections.
const EVENTS_MAX: usize = 32;

/// The ids of the log of orders.
struct Identity {
    cluster: String,
    /// Brokers before Kafka 2.8 have none.
    topic_id: Option<String>,
    topic: String,
}

/// A client for queries, which reads no records.
pub(crate) struct Lookup {
    pub(crate) brokers: Arc<Brokers>,
    consumer: BaseConsumer<Context>,
    /// The time of the latest warning about hidden records.
    warned: Mutex<BTreeMap<(Topic, Partition), Instant>>,
}

impl Lookup {
    /// # Errors
    /// [`KafkaError`] if the client rejects a setting.
    pub(crate) fn new(brokers: &Arc<Brokers>) -> Result<Arc<Self>, KafkaError> {
        // Ends are high watermarks: an open transaction may hide records after the last stable offset.
        let mut settings = brokers.client();
        settings
            .set("isolation.level", "read_uncommitted")
            // The client has no fixed topic, so it notices a new leader only by the age of its metadata.
            .set("metadata.max.age.ms", METADATA_AGE_MS_MAX.to_string());
        let consumer = settings.create_with_context(Context(brokers.clone()));
        let consumer = consumer.map_err(|error| brokers.failed("opening a client", error))?;
        Ok(Arc::new(Self { brokers: brokers.clone(), consumer, warned: Mutex::default() }))
    }

    /// The bounds of a partition.
    pub(crate) async fn bounds(
        self: &Arc<Self>,
        topic: Topic,
        partition: Partition,
    ) -> Result<Bounds, KafkaError> {
        let this = self.clone();
        blocking(move || this.watermarks(&this.brokers.config.topic(topic), partition)).await
    }

    /// Blocks.
    fn watermarks(&self, topic: &str, partition: Partition) -> Result<Bounds, KafkaError> {
        let found = self.consumer.fetch_watermarks(topic, as_client(partition), self.timeout());
        self.drain_events();
        let (start, end) =
            found.map_err(|error| self.brokers.failed("querying the bounds of a log", error))?;
        let offset = |raw| Offset(u64::try_from(raw).unwrap_or_default());
        Ok(Bounds { start: offset(start), end: offset(end) })
    }

    /// For each partition of the log of orders, the offset at which committed readers stop, if there are records behind it.
    pub(crate) async fn hidden_from(self: &Arc<Self>) -> Result<Vec<Option<Offset>>, KafkaError> {
        let this = self.clone();
        blocking(move || {
            let (client, config) = (this.consumer.client(), &this.brokers.config);
            let name = config.topic(Topic::Orders);
            let count = as_client(Partition(config.partitions));
            let ends = |isolation| {
                let found = native::ends(client, &name, count, isolation, this.timeout());
                this.drain_events();
                let failed =
                    |code| this.brokers.failed("querying the ends of the log", ClientError::AdminOp(code));
                found.map_err(failed)
            };
            // In this order, so that records that are appended in between do not count as hidden.
            let (all, committed) = (ends(Isolation::Uncommitted)?, ends(Isolation::Committed)?);
            let stop = |(all, committed): (i64, i64)| (committed < all).then_some(committed);
            let offset = |raw| Offset(u64::try_from(raw).unwrap_or_default());
            Ok(all.into_iter().zip(committed).map(|ends| stop(ends).map(offset)).collect())
        })
        .await
    }

    /// The first offset of each partition whose record was stored at `time` or later; its end if there is none.
    pub(crate) async fn first_at(
        self: &Arc<Self>,
        topic: Topic,
        partitions: Vec<Partition>,
        time: Timestamp,
    ) -> Result<Vec<Offset>, KafkaError> {
        let this = self.clone();
        blocking(move || {
            let name = this.brokers.config.topic(topic);
            let failed = |error| this.brokers.failed("querying the offset of a time", error);
            let mut asked = TopicPartitionList::with_capacity(partitions.len());
            for partition in &partitions {
                let time = Position::Offset(time.as_millis());
                asked.add_partition_offset(&name, as_client(*partition), time).map_err(failed)?;
            }
            let found = this.consumer.offsets_for_times(asked, this.timeout());
            this.drain_events();
            let found = found.map_err(failed)?;
            let mut offsets = Vec::with_capacity(partitions.len());
            for partition in partitions {
                let found = found.find_partition(&name, as_client(partition));
                let position = found.map(|found| found.error().map(|()| found.offset())).transpose();
                offsets.push(match position.map_err(failed)? {
                    Some(Position::Offset(offset)) => Offset(u64::try_from(offset).unwrap_or_default()),
                    _ => this.watermarks(&name, partition)?.end,
                });
            }
            Ok(offsets)
        })
        .await
    }

    /// The identity of the log of orders: the cluster id and the topic id, which changes when the topic is created again. Queries the
    /// brokers each time.
    pub(crate) async fn identity(self: &Arc<Self>) -> Result<LogIdentity, KafkaError> {
        let Identity { cluster, topic_id, topic } = self.identify().await?;
        let parts: Vec<&str> = [Some(cluster.as_str()), topic_id.as_deref(), Some(topic.as_str())]
            .into_iter()
            .flatten()
            .collect();
        Ok(LogIdentity::new(&parts.join("/")))
    }

    /// The system of processors of this log: `<cluster id>/<topic> decided by <group>`. A topic that is created again belongs to the
    /// same system.
    pub(crate) async fn system(self: &Arc<Self>) -> Result<String, KafkaError> {
        let Identity { cluster, topic, .. } = self.identify().await?;
        let config = &self.brokers.config;
        Ok(format!("{cluster}/{topic} decided by {}", config.group_named(&config.group)))
    }

    async fn identify(self: &Arc<Self>) -> Result<Identity, KafkaError> {
        let this = self.clone();
        blocking(move || {
            let name = this.brokers.config.topic(Topic::Orders);
            let failed = |code| this.brokers.failed(IDENTIFYING, ClientError::MetadataFetch(code));
            let id = native::topic_id(this.consumer.client(), &name, this.timeout());
            this.drain_events();
            let id = id.map_err(|code| match code {
                Code::UnknownTopicOrPartition => {
                    let brokers = this.brokers.config.brokers.clone();
                    KafkaError::NoTopic { brokers, topic: name.clone() }
                }
                code => failed(code),
            })?;
            // After the first response, which contains the cluster id.
            let cluster = this.consumer.client().fetch_cluster_id(this.timeout());
            let cluster = cluster.ok_or_else(|| failed(Code::OperationTimedOut))?;
            Ok(Identity { cluster, topic_id: id.map(|id| URL_SAFE_NO_PAD.encode(id)), topic: name })
        })
        .await
    }

    /// The settings of these topics.
    pub(crate) async fn configs(self: &Arc<Self>, topics: Vec<String>) -> Result<Configs, KafkaError> {
        let this = self.clone();
        blocking(move || {
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            let found = native::configs(this.consumer.client(), &names, this.timeout());
            this.drain_events();
            let failed =
                |code| this.brokers.failed("querying the settings of the topics", ClientError::AdminOp(code));
            found.map_err(failed)
        })
        .await
    }

    /// Whether to warn about hidden records in a partition: once a minute for all of its readers.
    pub(crate) fn may_warn(&self, topic: Topic, partition: Partition) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = Duration::from_millis(HIDDEN_WARNING_MS);
        let may = warned.get(&(topic, partition)).is_none_or(|last| last.elapsed() >= quiet);
        if may {
            warned.insert((topic, partition), Instant::now());
        }
        may
    }

    /// The metadata of all topics. Blocks.
    pub(crate) fn metadata(&self) -> Result<Metadata, KafkaError> {
        let found = self.consumer.fetch_metadata(None, self.timeout());
        self.drain_events();
        found.map_err(|error| self.brokers.failed("querying the topics", error))
    }

    /// Drains client events, which include the cause of a timeout. Each poll handles one event, and does not report whether there is
    /// another.
    fn drain_events(&self) {
        for _ in 0..EVENTS_MAX {
            self.consumer.poll(Duration::ZERO);
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.brokers.config.timeout_ms.into())
    }
}
