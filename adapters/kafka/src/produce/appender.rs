//! Appending inputs: an idempotent producer that waits for every replica.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use logistics_core::port::Topic;
use logistics_core::{Offset, Partition};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::statistics::Statistics;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::client::{Brokers, Context, blocking};
use crate::error::KafkaError;
use crate::group::member::as_client;
use crate::limits::{LINGER_MS, MESSAGE_BYTES_MAX, STATISTICS_MS};

/// How long the thread waits for delivery reports. Long, because the client spins through the last millisecond of each wait; a
/// report ends the wait at once.
const POLL: Duration = Duration::from_secs(1);

/// [`Appender::prepare`] in an error text.
const PREPARING: &str = "preparing to append";

type Report = oneshot::Sender<Result<i64, ClientError>>;

/// Appends records to any topic.
pub(crate) struct Appender {
    brokers: Arc<Brokers>,
    producer: Arc<BaseProducer<Reports>>,
    ended: Arc<AtomicBool>,
}

impl Appender {
    /// # Errors
    /// [`KafkaError`] if the client rejects a setting or the system starts no thread.
    pub(crate) fn new(brokers: &Arc<Brokers>) -> Result<Self, KafkaError> {
        let mut settings = brokers.client();
        settings
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.timeout.ms", brokers.config.timeout_ms.to_string())
            .set("compression.type", "lz4")
            .set("linger.ms", LINGER_MS.to_string())
            .set("batch.size", brokers.batch_bytes().to_string())
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("statistics.interval.ms", STATISTICS_MS.to_string());
        let context = Reports { client: Context(brokers.clone()), identified: watch::Sender::new(false) };
        let producer = settings.create_with_context(context);
        let producer: BaseProducer<Reports> =
            producer.map_err(|error| brokers.failed("opening a producer", error))?;
        let (producer, ended) = (Arc::new(producer), Arc::new(AtomicBool::new(false)));
        let (polled, end) = (producer.clone(), ended.clone());
        let thread = thread::Builder::new().name("kafka-append".to_owned()).spawn(move || {
            while !end.load(Ordering::Acquire) {
                polled.poll(POLL);
            }
        });
        thread.map_err(|error| {
            KafkaError::Setting(format!("cannot start the thread of the Kafka appender: {error}"))
        })?;
        Ok(Self { brokers: brokers.clone(), producer, ended })
    }

    /// Fetches the metadata of a topic, and the producer id. Without this call the first append waits for them: a client that has no broker for
    /// its first request retries only after half a second.
    ///
    /// # Errors
    /// [`KafkaError`] if no broker answers.
    pub(crate) async fn prepare(&self, topic: Topic) -> Result<(), KafkaError> {
        let (brokers, producer) = (self.brokers.clone(), self.producer.clone());
        let topic = brokers.config.topic(topic);
        blocking(move || brokers.warm_up_metadata(producer.client(), &topic, PREPARING)).await?;
        let mut identified = self.producer.context().identified.subscribe();
        let limit = Duration::from_millis(self.brokers.config.timeout_ms.into());
        let known = timeout(limit, identified.wait_for(|known| *known)).await;
        let late = |_| self.brokers.failed(PREPARING, ClientError::Global(Code::OperationTimedOut));
        known.map(drop).map_err(late)
    }

    /// The fatal error of the producer: the client can no longer distinguish a repeated record from a new one.
    pub(crate) fn fatal_error(&self) -> Option<String> {
        self.producer.client().fatal_error().map(|(_, why)| why)
    }

    #[cfg(test)]
    pub(crate) fn fail_for_good(&self) {
        crate::native::fail_for_good(&*self.producer);
    }

    /// Appends a record and waits until all in-sync replicas have it.
    pub(crate) async fn append(
        &self,
        topic: Topic,
        partition: Partition,
        key: &[u8],
        payload: &[u8],
    ) -> Result<Offset, KafkaError> {
        let failed = |error| self.brokers.failed("appending", error);
        let (report, delivered) = oneshot::channel();
        let topic = self.brokers.config.topic(topic);
        let record = BaseRecord::with_opaque_to(&topic, Box::new(report))
            .partition(as_client(partition))
            .key(key)
            .payload(payload);
        self.producer.send(record).map_err(|(error, _)| failed(error))?;
        match delivered.await {
            Ok(Ok(offset)) => Ok(Offset(u64::try_from(offset).unwrap_or_default())),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(KafkaError::Closed("the producer was closed")),
        }
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

struct Reports {
    client: Context,
    /// The brokers have assigned a producer id.
    identified: watch::Sender<bool>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.client.error(error, reason);
    }

    /// The statistics alone contain this state.
    fn stats(&self, statistics: Statistics) {
        let identified = statistics.eos.is_some_and(|eos| eos.idemp_state == "Assigned");
        self.identified.send_replace(identified);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Report>;

    fn delivery(&self, delivered: &DeliveryResult<'_>, report: Box<Report>) {
        let outcome = match delivered {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.clone()),
        };
        // The receiver may be cancelled.
        let _ = report.send(outcome);
    }
}
