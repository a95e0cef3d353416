//! The configuration of the adapter.

use std::fmt;
use std::path::PathBuf;

use logistics_core::port::Topic;

use crate::limits::{HIDDEN_MS, SESSION_TIMEOUT_MS, TIMEOUT_MS};

/// The brokers, the names of topics and groups, timeouts and credentials. Start with [`Config::new`], then set fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The bootstrap servers: `host:port`, separated by commas.
    pub brokers: String,
    /// Partitions of every topic, 1 or more. Existing topics must have the same number.
    pub partitions: u32,
    /// The group of processors; the transactional ids are `<group>-<partition>`. Default `order-processor`.
    pub group: String,
    /// The prefix of the name of every topic and group, so that several systems can share brokers. Default: empty.
    pub topic_prefix: String,
    /// The client id in the logs of the brokers. Default `logistics`.
    pub client_id: String,
    /// Milliseconds without a heartbeat after which the group removes a member; 6,000 or more unless the broker permits less.
    /// Default 6,000. The orders of a crashed processor wait for this timeout and the recovery.
    pub session_timeout_ms: u32,
    /// Time limit of a call to the brokers, in milliseconds. Default 5,000.
    pub timeout_ms: u32,
    /// Milliseconds for which a transaction of another client may hide records before the bus queries the brokers for its producer.
    /// Default 40,000, longer than any transaction of the bus lasts.
    pub hidden_ms: u32,
    /// Encryption and credentials. Default: none.
    pub security: Security,
}

impl Config {
    /// The defaults, for these brokers and this many partitions.
    pub fn new(brokers: impl Into<String>, partitions: u32) -> Self {
        Self {
            brokers: brokers.into(),
            partitions,
            group: "order-processor".to_owned(),
            topic_prefix: String::new(),
            client_id: "logistics".to_owned(),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            timeout_ms: TIMEOUT_MS,
            hidden_ms: HIDDEN_MS,
            security: Security::default(),
        }
    }

    /// The name of a topic at the brokers.
    pub(crate) fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.topic_prefix, topic.name())
    }

    /// The name of a group at the brokers.
    pub(crate) fn group_named(&self, group: &str) -> String {
        format!("{}{group}", self.topic_prefix)
    }
}

/// Encryption and credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    /// TLS, with a check of the brokers' certificates. Needs the feature `tls`.
    pub tls: Option<Tls>,
    /// The user.
    pub sasl: Option<Sasl>,
}

/// Certificates, as PEM files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The trusted authorities. Default: those of the system.
    pub ca_file: Option<PathBuf>,
    /// The client's certificate, for brokers that require one.
    pub cert_file: Option<PathBuf>,
    /// The key of the client's certificate.
    pub key_file: Option<PathBuf>,
}

/// A user and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// The SASL mechanism.
    pub mechanism: SaslMechanism,
    /// The user.
    pub username: String,
    /// The password. `Debug` omits it.
    pub password: String,
}

impl Sasl {
    /// A user with its password.
    pub fn new(mechanism: SaslMechanism, username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { mechanism, username: username.into(), password: password.into() }
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// The SASL mechanism (RFC 4616, RFC 5802, RFC 7677).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// PLAIN sends the password itself: use it only over TLS or in a trusted network.
    Plain,
    /// SCRAM-SHA-256. Needs the feature `tls`.
    ScramSha256,
    /// SCRAM-SHA-512. Needs the feature `tls`.
    ScramSha512,
}

impl SaslMechanism {
    pub(crate) fn name(self) -> &'static str {
        match self {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        let mut config = Config::new("broker:9092", 12);
        config.security.sasl = Some(Sasl::new(SaslMechanism::Plain, "orders", "swordfish"));
        let shown = format!("{config:?}");
        assert!(shown.contains("orders") && !shown.contains("swordfish"), "{shown}");
    }

    #[test]
    fn topics_and_groups_carry_the_prefix() {
        let config = Config { topic_prefix: "eu.".to_owned(), ..Config::new("broker:9092", 12) };
        assert_eq!(config.topic(Topic::DeadLetters), "eu.orders.dlq");
        assert_eq!(config.group_named("readers"), "eu.readers");
    }
}
