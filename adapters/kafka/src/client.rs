//! State, settings and callbacks that all clients of the adapter share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError as ClientError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{NoCustomPartitioner, ProducerContext};

use crate::config::{Config, Security};
use crate::error::{CallError, KafkaError, is_no_answer, is_refusal};
use crate::limits::BATCH_BYTES_MAX;

/// The brokers: their configuration, and state that the clients share.
#[derive(Debug)]
pub(crate) struct Brokers {
    pub(crate) config: Config,
    /// An auth failure that a client recorded and no call has returned yet.
    auth_failure: Mutex<Option<String>>,
    /// The latest other connection error, and its time.
    connection_error: Mutex<Option<(String, Instant)>>,
    /// Bytes of a batch that every topic permits, by the last check.
    batch_bytes: AtomicU32,
    /// The number of brokers, by the last check.
    count: AtomicU32,
    /// Warnings about settings that were logged already.
    advice: Mutex<BTreeSet<String>>,
}

/// How long a connection error is used to explain a timeout.
const CONNECTION_ERROR_MS_MAX: u64 = 10_000;

impl Brokers {
    /// # Errors
    /// [`KafkaError::Setting`]
    pub(crate) fn new(config: Config) -> Result<Arc<Self>, KafkaError> {
        if config.partitions == 0 {
            return Err(KafkaError::Setting("the number of Kafka partitions is 0; set 1 or more".to_owned()));
        }
        if config.brokers.trim().is_empty() {
            return Err(KafkaError::Setting("the list of Kafka brokers is empty; set host:port".to_owned()));
        }
        let needs_tls = config.security.tls.is_some()
            || config
                .security
                .sasl
                .as_ref()
                .is_some_and(|sasl| sasl.mechanism != crate::SaslMechanism::Plain);
        if needs_tls && cfg!(not(feature = "tls")) {
            let text = "this build of logistics-kafka has no TLS and no SCRAM; enable its feature `tls`";
            return Err(KafkaError::Setting(text.to_owned()));
        }
        Ok(Arc::new(Self {
            config,
            auth_failure: Mutex::default(),
            connection_error: Mutex::default(),
            batch_bytes: AtomicU32::new(BATCH_BYTES_MAX),
            count: AtomicU32::new(1),
            advice: Mutex::default(),
        }))
    }

    /// The error of a failed call. A recorded auth failure takes precedence over a timeout, and a connection error explains one.
    pub(crate) fn failed(&self, doing: &'static str, source: ClientError) -> KafkaError {
        let brokers = self.config.brokers.clone();
        if let Some(reason) = self.auth_failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return KafkaError::Credentials { brokers, reason };
        }
        let recorded = self.connection_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let limit = Duration::from_millis(CONNECTION_ERROR_MS_MAX);
        let why = recorded
            .filter(|(_, at)| at.elapsed() < limit && source.rdkafka_error_code().is_some_and(is_no_answer))
            .map(|(reason, _)| format!(" ({reason})"))
            .unwrap_or_default();
        KafkaError::Call { brokers, doing, cause: CallError::new(source), why }
    }

    /// Bytes of the largest batch of a producer. A topic rejects a larger batch even if each of its records would fit.
    pub(crate) fn batch_bytes(&self) -> u32 {
        self.batch_bytes.load(Ordering::Relaxed)
    }

    /// Sets the bytes of a batch, 1 to [`BATCH_BYTES_MAX`], for producers that are opened from now on.
    pub(crate) fn set_batch_bytes(&self, bytes: u32) {
        self.batch_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The number of brokers in the last check of the topics; 1 before the first.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Sets the number of brokers.
    pub(crate) fn set_count(&self, brokers: usize) {
        self.count.store(u32::try_from(brokers).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Whether this warning was not logged before; records it.
    pub(crate) fn is_new_advice(&self, advice: &str) -> bool {
        self.advice.lock().unwrap_or_else(PoisonError::into_inner).insert(advice.to_owned())
    }

    /// Records an error that the client reports outside of a call.
    fn record_error(&self, error: &ClientError, reason: &str) {
        let reason = without_thread(reason).to_owned();
        if error.rdkafka_error_code().is_some_and(is_refusal) {
            *self.auth_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        } else if error.rdkafka_error_code() != Some(Code::AllBrokersDown) {
            *self.connection_error.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((reason, Instant::now()));
        }
    }

    /// Fetches the metadata of a topic into the client. A client without metadata retries its first call only after half a second.
    /// Blocks.
    ///
    /// # Errors
    /// [`KafkaError`] if no broker answers.
    pub(crate) fn warm_up_metadata<C: ClientContext>(
        &self,
        client: &Client<C>,
        topic: &str,
        doing: &'static str,
    ) -> Result<(), KafkaError> {
        let timeout = Duration::from_millis(self.config.timeout_ms.into());
        client.fetch_metadata(Some(topic), timeout).map(drop).map_err(|error| self.failed(doing, error))
    }

    /// The settings of every client.
    pub(crate) fn client(&self) -> ClientConfig {
        let Config { brokers, client_id, timeout_ms, security, .. } = &self.config;
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", brokers)
            .set("client.id", client_id)
            .set("socket.timeout.ms", timeout_ms.to_string())
            .set("socket.connection.setup.timeout.ms", timeout_ms.to_string())
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("allow.auto.create.topics", "false")
            .set_log_level(RDKafkaLogLevel::Warning);
        secure(&mut client, security);
        client
    }

    /// The settings of every client that reads.
    pub(crate) fn consumer(&self, group: &str) -> ClientConfig {
        let mut consumer = self.client();
        consumer
            .set("group.id", self.config.group_named(group))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("check.crcs", "true");
        consumer
    }
}

fn secure(client: &mut ClientConfig, security: &Security) {
    let protocol = match (&security.tls, &security.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    client.set("security.protocol", protocol);
    if let Some(tls) = &security.tls {
        let files = [
            ("ssl.ca.location", &tls.ca_file),
            ("ssl.certificate.location", &tls.cert_file),
            ("ssl.key.location", &tls.key_file),
        ];
        for (name, file) in files {
            if let Some(file) = file {
                client.set(name, file.to_string_lossy());
            }
        }
    }
    if let Some(sasl) = &security.sasl {
        client.set("sasl.mechanism", sasl.mechanism.name());
        client.set("sasl.username", &sasl.username).set("sasl.password", &sasl.password);
    }
}

/// Removes the thread name that librdkafka puts in front.
fn without_thread(reason: &str) -> &str {
    let rest = reason.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: "));
    rest.map_or(reason, |(_, rest)| rest)
}

/// Receives the events of a client.
#[derive(Clone)]
pub(crate) struct Context(pub(crate) Arc<Brokers>);

impl ClientContext for Context {
    /// At debug level, because the client logs every attempt to connect. Errors of calls are logged by their callers.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "logistics_kafka::client", ?level, facility, "{message}");
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.0.record_error(&error, reason);
        tracing::debug!(target: "logistics_kafka::client", %error, "{reason}");
    }
}

impl ConsumerContext for Context {}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = ();

    /// The client reports only failures, and they make the commit fail.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Runs a blocking call on a thread for such calls.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(KafkaError::Closed("the runtime is shutting down")),
    }
}

/// A topic-partition list of one partition.
pub(crate) fn one(
    topic: &str,
    partition: i32,
    offset: rdkafka::Offset,
) -> KafkaResult<rdkafka::TopicPartitionList> {
    let mut list = rdkafka::TopicPartitionList::with_capacity(1);
    list.add_partition_offset(topic, partition, offset)?;
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_error_explains_a_timeout_and_no_other_error() {
        let brokers = Brokers::new(Config::new("b:9092", 1)).expect("valid settings");
        let text = |code| brokers.failed("asking", ClientError::MetadataFetch(code)).to_string();
        assert!(!text(Code::BrokerTransportFailure).contains("certificate"));
        let reason = "[thrd:ssl://b:9092/bootstrap]: ssl://b:9092/bootstrap: certificate verify failed";
        brokers.record_error(&ClientError::Global(Code::SSL), reason);
        brokers.record_error(&ClientError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        assert!(
            text(Code::BrokerTransportFailure)
                .ends_with(" (ssl://b:9092/bootstrap: certificate verify failed)")
        );
        assert!(!text(Code::MessageSizeTooLarge).contains("certificate"));
        brokers.record_error(&ClientError::Global(Code::Authentication), "[thrd:x]: wrong password");
        let refused = brokers.failed("asking", ClientError::MetadataFetch(Code::BrokerTransportFailure));
        assert!(matches!(&refused, KafkaError::Credentials { reason, .. } if reason == "wrong password"));
    }
}
