//! One broker for all tests, and separate topics for each.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use logistics_containers::{Kafka, until};
use logistics_core::port::{
    Batch, EventBus, GroupEvent, LogRecord, Membership, PartitionLog, ReadLimit, Topic,
};
use logistics_core::{Offset, Partition};
use logistics_kafka::{Config, KafkaBus};
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResource, ConfigSource, ResourceSpecifier,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::sync::Mutex;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const LIMIT: ReadLimit = ReadLimit { records: 100, bytes: 10_000_000 };
pub(crate) const P0: Partition = Partition(0);

/// Starts with the first test that needs it.
static KAFKA: Mutex<Option<Arc<Kafka>>> = Mutex::const_new(None);
static SYSTEMS: AtomicU32 = AtomicU32::new(0);

/// A reference to the shared broker, which stops with the last one.
#[derive(Clone, Default)]
pub(crate) struct Share {
    _last: Arc<Last>,
}

#[derive(Default)]
struct Last;

impl Share {
    /// The test, which holds a reference until it ends.
    pub(crate) fn of<F: Future<Output = ()> + 'static>(
        &self,
        test: impl FnOnce() -> F + Send + 'static,
    ) -> impl FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send + 'static {
        let share = self.clone();
        move || {
            Box::pin(async move {
                test().await;
                drop(share);
            })
        }
    }
}

impl Drop for Last {
    fn drop(&mut self) {
        if let Ok(mut kafka) = KAFKA.try_lock() {
            *kafka = None;
        }
    }
}

pub(crate) struct System {
    pub(crate) kafka: Arc<Kafka>,
    pub(crate) config: Config,
    pub(crate) bus: KafkaBus,
}

impl System {
    pub(crate) async fn start(partitions: u32) -> Self {
        let kafka = {
            let mut shared = KAFKA.lock().await;
            match &*shared {
                Some(kafka) => kafka.clone(),
                None => shared.insert(Arc::new(Kafka::start().await)).clone(),
            }
        };
        let topic_prefix = format!("system-{}.", SYSTEMS.fetch_add(1, Ordering::Relaxed));
        let mut config = Config::new(kafka.address(), partitions);
        config.topic_prefix = topic_prefix;
        let bus = KafkaBus::new(config.clone()).expect("valid settings");
        bus.create_topics(None).await.expect("the topics are created");
        Self { kafka, config, bus }
    }

    pub(crate) fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.config.topic_prefix, topic.name())
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", self.kafka.address()).create().expect("a client")
    }

    /// Changes one setting of a topic and keeps the others.
    pub(crate) async fn set(&self, topic: Topic, setting: &str, value: &str) {
        let (name, admin) = (self.topic(topic), self.admin());
        let options = AdminOptions::new();
        let described = self.described(topic).await;
        let kept = described.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let kept = kept.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
        let altered = kept.fold(AlterConfig::new(ResourceSpecifier::Topic(&name)), |all, (name, value)| {
            all.set(name, value)
        });
        let altered = admin.alter_configs(&[altered.set(setting, value)], &options).await;
        altered.expect("the broker answers").remove(0).expect("it is set");
        until("the broker shows the setting", async || {
            let described = self.described(topic).await;
            described.get(setting).and_then(|entry| entry.value.as_deref()) == Some(value)
        })
        .await;
    }

    async fn described(&self, topic: Topic) -> ConfigResource {
        let name = self.topic(topic);
        let resources = [ResourceSpecifier::Topic(&name)];
        let described = self.admin().describe_configs(&resources, &AdminOptions::new()).await;
        described.expect("the broker answers").remove(0).expect("the topic is there")
    }

    /// Joins the group, and waits until its partitions are assigned.
    pub(crate) async fn join(&self) -> Box<dyn Membership> {
        let membership = self.bus.join().await.expect("a member");
        let mut assigned = 0;
        while assigned < self.config.partitions as usize {
            match tokio::time::timeout(TIMEOUT, membership.next()).await.expect("in time").expect("an event")
            {
                GroupEvent::Assigned(partitions) => assigned += partitions.len(),
                event => panic!("{event:?}"),
            }
        }
        membership
    }

    /// The producer of another program.
    pub(crate) fn producer(&self, settings: &[(&str, &str)]) -> BaseProducer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.kafka.address());
        for (setting, value) in settings {
            config.set(*setting, *value);
        }
        config.create().expect("a producer")
    }

    /// Writes one record to partition 0 of `orders` in a separate batch.
    pub(crate) fn produce(&self, producer: &BaseProducer, payload: &[u8], headers: Option<OwnedHeaders>) {
        let topic = self.topic(Topic::Orders);
        let mut record = BaseRecord::to(&topic).partition(0).key("key").payload(payload);
        if let Some(headers) = headers {
            record = record.headers(headers);
        }
        producer.send(record).expect("it is queued");
        producer.flush(TIMEOUT).expect("it is written");
    }
}

/// Reads `count` records of a log within the timeout.
pub(crate) async fn read(log: &dyn PartitionLog, from: Offset, count: usize) -> Vec<LogRecord> {
    let (mut records, mut next) = (Vec::new(), from);
    while records.len() < count {
        let batch: Batch =
            tokio::time::timeout(TIMEOUT, log.read(next, LIMIT)).await.expect("in time").expect("it is read");
        records.extend(batch.records);
        next = batch.next;
    }
    records
}
