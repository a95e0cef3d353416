//! Flags of Kafka.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use logistics_kafka::{Config, Sasl, SaslMechanism, Security, Tls};

use super::secret::{Secret, either};
use super::settings::Settings;
use logistics_cli_kit::Failure;
use logistics_cli_kit::Span;

/// Flags of Kafka: the brokers and the credentials.
#[derive(Args, Debug, Clone)]
pub struct KafkaArgs {
    /// Kafka bootstrap brokers, as host:port,host:port
    #[arg(long, env = "LOGISTICS_KAFKA_BROKERS", default_value = "127.0.0.1:9092")]
    kafka_brokers: Brokers,
    /// The consumer group of the processors, and the prefix of their transactional ids
    #[arg(long, env = "LOGISTICS_KAFKA_GROUP", default_value = "order-processor")]
    kafka_group: String,
    /// The prefix of every topic's name, such as `staging.`
    #[arg(long, env = "LOGISTICS_KAFKA_TOPIC_PREFIX", default_value = "")]
    kafka_topic_prefix: String,
    /// Time after which the group reassigns the partitions of a silent process
    #[arg(long, env = "LOGISTICS_KAFKA_SESSION_TIMEOUT", default_value = "6s")]
    kafka_session_timeout: Span,
    /// The protocol of connections to the brokers
    #[arg(long, env = "LOGISTICS_KAFKA_SECURITY_PROTOCOL", value_enum, default_value_t = Protocol::Plaintext)]
    kafka_security_protocol: Protocol,
    /// The SASL mechanism, with sasl_plaintext or sasl_ssl
    #[arg(
        long, env = "LOGISTICS_KAFKA_SASL_MECHANISM", value_enum, ignore_case = true,
        default_value_t = Mechanism::Plain
    )]
    kafka_sasl_mechanism: Mechanism,
    /// The username, with sasl_plaintext or sasl_ssl
    #[arg(long, env = "LOGISTICS_KAFKA_SASL_USERNAME")]
    kafka_sasl_username: Option<String>,
    /// The user's password. Prefer the environment or a file: every user of a machine can read its command lines
    #[arg(long, env = "LOGISTICS_KAFKA_SASL_PASSWORD", hide_env_values = true)]
    kafka_sasl_password: Option<Secret>,
    /// A file with the user's password
    #[arg(long, env = "LOGISTICS_KAFKA_SASL_PASSWORD_FILE", value_name = "FILE")]
    kafka_sasl_password_file: Option<PathBuf>,
    /// The certificate authorities to trust, in PEM, with ssl or sasl_ssl [default: those of the system]
    #[arg(long, env = "LOGISTICS_KAFKA_CA_FILE", value_name = "FILE")]
    kafka_ca_file: Option<PathBuf>,
    /// The certificate of this client, in PEM, with ssl or sasl_ssl
    #[arg(long, env = "LOGISTICS_KAFKA_CERT_FILE", value_name = "FILE")]
    kafka_cert_file: Option<PathBuf>,
    /// The key of this client, in PEM, with ssl or sasl_ssl
    #[arg(long, env = "LOGISTICS_KAFKA_KEY_FILE", value_name = "FILE")]
    kafka_key_file: Option<PathBuf>,
}

/// One or more of `host:port`.
#[derive(Debug, Clone)]
struct Brokers(String);

impl FromStr for Brokers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_broker = |broker: &str| {
            let parts = broker.rsplit_once(':');
            parts.is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        let brokers: Vec<_> = text.split(',').map(str::trim).collect();
        match brokers.iter().find(|broker| !is_broker(broker)) {
            None => Ok(Self(brokers.join(","))),
            Some(wrong) => Err(format!("{wrong:?} is no broker such as kafka-1:9092")),
        }
    }
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Plaintext,
    Ssl,
    #[value(name = "sasl_plaintext")]
    SaslPlaintext,
    #[value(name = "sasl_ssl")]
    SaslSsl,
}

impl Protocol {
    fn has_tls(self) -> bool {
        matches!(self, Protocol::Ssl | Protocol::SaslSsl)
    }

    fn has_sasl(self) -> bool {
        matches!(self, Protocol::SaslPlaintext | Protocol::SaslSsl)
    }
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Mechanism {
    Plain,
    #[value(name = "scram-sha-256")]
    ScramSha256,
    #[value(name = "scram-sha-512")]
    ScramSha512,
}

impl KafkaArgs {
    /// The same brokers with a longer prefix of every topic, group and transactional id, which makes a separate system.
    #[must_use]
    pub fn apart(&self, prefix: &str) -> Self {
        let kafka_topic_prefix = format!("{}{prefix}", self.kafka_topic_prefix);
        Self { kafka_topic_prefix, ..self.clone() }
    }

    /// The flags as the environment of another process.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::new()
            .with("LOGISTICS_KAFKA_BROKERS", &self.kafka_brokers.0)
            .with("LOGISTICS_KAFKA_GROUP", &self.kafka_group)
            .with("LOGISTICS_KAFKA_TOPIC_PREFIX", &self.kafka_topic_prefix)
            .with("LOGISTICS_KAFKA_SESSION_TIMEOUT", format!("{}ms", self.kafka_session_timeout.ms))
            .choice("LOGISTICS_KAFKA_SECURITY_PROTOCOL", &self.kafka_security_protocol)
            .choice("LOGISTICS_KAFKA_SASL_MECHANISM", &self.kafka_sasl_mechanism)
            .maybe("LOGISTICS_KAFKA_SASL_USERNAME", self.kafka_sasl_username.as_ref())
            .maybe("LOGISTICS_KAFKA_SASL_PASSWORD", self.kafka_sasl_password.as_ref().map(Secret::reveal))
            .maybe("LOGISTICS_KAFKA_SASL_PASSWORD_FILE", self.kafka_sasl_password_file.as_ref())
            .maybe("LOGISTICS_KAFKA_CA_FILE", self.kafka_ca_file.as_ref())
            .maybe("LOGISTICS_KAFKA_CERT_FILE", self.kafka_cert_file.as_ref())
            .maybe("LOGISTICS_KAFKA_KEY_FILE", self.kafka_key_file.as_ref())
    }

    /// The adapter's configuration.
    ///
    /// # Errors
    /// If flags contradict each other or a file cannot be read. The text contains no secret.
    pub fn config(&self, partitions: u32, client_id: &str) -> Result<Config, Failure> {
        let mut config = Config::new(&self.kafka_brokers.0, partitions);
        config.group.clone_from(&self.kafka_group);
        config.topic_prefix.clone_from(&self.kafka_topic_prefix);
        client_id.clone_into(&mut config.client_id);
        config.session_timeout_ms =
            u32::try_from(self.kafka_session_timeout.ms).ok().filter(|ms| *ms > 0).ok_or_else(|| {
                Failure::usage("--kafka-session-timeout must be more than 0 and less than 49 days")
            })?;
        config.security = Security { tls: self.tls()?, sasl: self.sasl()? };
        Ok(config)
    }

    fn tls(&self) -> Result<Option<Tls>, Failure> {
        let files = [
            (&self.kafka_ca_file, "--kafka-ca-file"),
            (&self.kafka_cert_file, "--kafka-cert-file"),
            (&self.kafka_key_file, "--kafka-key-file"),
        ];
        if !self.kafka_security_protocol.has_tls() {
            let given = files.into_iter().find(|(file, _)| file.is_some());
            return given.map_or(Ok(None), |(_, flag)| {
                Err(Failure::usage(format!("{flag} needs --kafka-security-protocol ssl or sasl_ssl")))
            });
        }
        if !cfg!(feature = "tls") {
            let message =
                "--kafka-security-protocol needs TLS, which this build lacks: build it with --features tls";
            return Err(Failure::usage(message));
        }
        if self.kafka_cert_file.is_some() != self.kafka_key_file.is_some() {
            return Err(Failure::usage("--kafka-cert-file and --kafka-key-file go together"));
        }
        let [ca_file, cert_file, key_file] = files.map(|(file, _)| file.clone());
        Ok(Some(Tls { ca_file, cert_file, key_file }))
    }

    fn sasl(&self) -> Result<Option<Sasl>, Failure> {
        let flag = "--kafka-sasl-password";
        let file = self.kafka_sasl_password_file.as_deref();
        let password = either(self.kafka_sasl_password.as_ref(), file, flag)?;
        if !self.kafka_security_protocol.has_sasl() {
            let given = if password.is_some() { Some(flag) } else { None };
            let given = given.or(self.kafka_sasl_username.as_ref().map(|_| "--kafka-sasl-username"));
            return given.map_or(Ok(None), |flag| {
                let message = format!("{flag} needs --kafka-security-protocol sasl_plaintext or sasl_ssl");
                Err(Failure::usage(message))
            });
        }
        let missing = |flag| Failure::usage(format!("--kafka-security-protocol with SASL needs {flag}"));
        Ok(Some(Sasl {
            mechanism: match self.kafka_sasl_mechanism {
                Mechanism::Plain => SaslMechanism::Plain,
                Mechanism::ScramSha256 => SaslMechanism::ScramSha256,
                Mechanism::ScramSha512 => SaslMechanism::ScramSha512,
            },
            username: self.kafka_sasl_username.clone().ok_or_else(|| missing("--kafka-sasl-username"))?,
            password: password
                .ok_or_else(|| missing("--kafka-sasl-password or --kafka-sasl-password-file"))?,
        }))
    }
}

#[cfg(test)]
#[path = "kafka_tests.rs"]
mod tests;
