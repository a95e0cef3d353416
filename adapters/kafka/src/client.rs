//! What every client of this adapter has in common.

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
use crate::error::{KafkaError, is_refusal, is_silence};
use crate::limits::BATCH_BYTES_MAX;

/// The brokers, as everything in this adapter knows them.
#[derive(Debug)]
pub(crate) struct Brokers {
    pub(crate) config: Config,
    /// Brokers refuse our credentials: said in passing by whichever client heard it.
    refused: Mutex<Option<String>>,
    /// What else a client said of its connections, and when.
    said: Mutex<Option<(String, Instant)>>,
    /// Bytes that every topic takes in one batch, by their settings when these were last read.
    batch_bytes: AtomicU32,
    /// How many brokers there are, by the last check.
    count: AtomicU32,
    /// What was said of unwise settings.
    advice: Mutex<BTreeSet<String>>,
}

/// For how long what a client said explains why nobody answers.
const SAID_MS_MAX: u64 = 10_000;

impl Brokers {
    /// # Errors
    /// [`KafkaError::Setting`]
    pub(crate) fn new(config: Config) -> Result<Arc<Self>, KafkaError> {
        if config.partitions == 0 {
            return Err(KafkaError::Setting("a topic has 1 partition at least".to_owned()));
        }
        if config.brokers.trim().is_empty() {
            return Err(KafkaError::Setting("no broker is named; write host:port".to_owned()));
        }
        let needs_tls = config.security.tls.is_some()
            || config
                .security
                .sasl
                .as_ref()
                .is_some_and(|sasl| sasl.mechanism != crate::SaslMechanism::Plain);
        if needs_tls && cfg!(not(feature = "tls")) {
            let text = "this build has no TLS and no SCRAM; build it with the feature `tls`";
            return Err(KafkaError::Setting(text.to_owned()));
        }
        Ok(Arc::new(Self {
            config,
            refused: Mutex::default(),
            said: Mutex::default(),
            batch_bytes: AtomicU32::new(BATCH_BYTES_MAX),
            count: AtomicU32::new(1),
            advice: Mutex::default(),
        }))
    }

    /// What went wrong in a call; a refusal that was heard meanwhile counts for more than that nobody answered, which what was
    /// said of a connection explains.
    pub(crate) fn failed(&self, doing: &'static str, source: ClientError) -> KafkaError {
        let brokers = self.config.brokers.clone();
        if let Some(reason) = self.refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return KafkaError::Credentials { brokers, reason };
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = said.filter(|(_, at)| at.elapsed() < Duration::from_millis(SAID_MS_MAX));
        let said = said.filter(|_| source.rdkafka_error_code().is_some_and(is_silence));
        let why = said.map(|(said, _)| format!(" ({said})")).unwrap_or_default();
        KafkaError::Call { brokers, doing, cause: Box::new(source), why }
    }

    /// How large a producer may make a batch. A topic refuses a larger one as a whole, though each record of it would fit.
    pub(crate) fn batch_bytes(&self) -> u32 {
        self.batch_bytes.load(Ordering::Relaxed)
    }

    /// Notes bytes of a batch that every topic takes, 1 to [`BATCH_BYTES_MAX`]. Holds for producers that are opened from now on.
    pub(crate) fn note_message_bytes(&self, bytes: u32) {
        self.batch_bytes.store(bytes, Ordering::Relaxed);
    }

    /// How many brokers there were when the topics were last checked; 1 before.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// Notes how many brokers there are.
    pub(crate) fn note_count(&self, brokers: usize) {
        self.count.store(u32::try_from(brokers).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Whether this was not said before.
    pub(crate) fn is_new_advice(&self, advice: &str) -> bool {
        self.advice.lock().unwrap_or_else(PoisonError::into_inner).insert(advice.to_owned())
    }

    /// A client tells of a failure that no call of it has.
    fn hear(&self, error: &ClientError, reason: &str) {
        let reason = without_thread(reason).to_owned();
        if error.rdkafka_error_code().is_some_and(is_refusal) {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
        } else if error.rdkafka_error_code() != Some(Code::AllBrokersDown) {
            *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some((reason, Instant::now()));
        }
    }

    /// Has a client get to know the brokers, and who leads this topic. One that does not know them when it is first used has
    /// nobody to ask, and asks again only half a second later. Blocks.
    ///
    /// # Errors
    /// What [`failed`](Self::failed) makes of it, where nobody answers.
    pub(crate) fn meet<C: ClientContext>(
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

/// Without the name of the client's thread, which the library puts in front.
fn without_thread(reason: &str) -> &str {
    let rest = reason.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: "));
    rest.map_or(reason, |(_, rest)| rest)
}

/// Where a client's events go.
#[derive(Clone)]
pub(crate) struct Context(pub(crate) Arc<Brokers>);

impl ClientContext for Context {
    /// The client tells of every attempt to connect; whoever calls it tells what that means.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(target: "logistics_kafka::client", ?level, facility, "{message}");
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.0.hear(&error, reason);
        tracing::debug!(target: "logistics_kafka::client", %error, "{reason}");
    }
}

impl ConsumerContext for Context {}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = ();

    /// Only failures are reported, and the commit fails with them.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Runs a call that blocks away from the threads that serve.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(KafkaError::Closed("the runtime shuts down")),
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
    fn what_was_said_of_a_connection_explains_silence_and_nothing_else() {
        let brokers = Brokers::new(Config::new("b:9092", 1)).expect("valid settings");
        let told = |code| brokers.failed("asking", ClientError::MetadataFetch(code)).to_string();
        assert!(!told(Code::BrokerTransportFailure).contains("certificate"));
        let reason = "[thrd:ssl://b:9092/bootstrap]: ssl://b:9092/bootstrap: certificate verify failed";
        brokers.hear(&ClientError::Global(Code::SSL), reason);
        brokers.hear(&ClientError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        assert!(
            told(Code::BrokerTransportFailure)
                .ends_with(" (ssl://b:9092/bootstrap: certificate verify failed)")
        );
        assert!(!told(Code::MessageSizeTooLarge).contains("certificate"));
        brokers.hear(&ClientError::Global(Code::Authentication), "[thrd:x]: wrong password");
        let refused = brokers.failed("asking", ClientError::MetadataFetch(Code::BrokerTransportFailure));
        assert!(matches!(&refused, KafkaError::Credentials { reason, .. } if reason == "wrong password"));
    }
}
