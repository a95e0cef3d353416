//! What the adapter must be told.

use std::fmt;
use std::path::PathBuf;

use logistics_core::port::Topic;

use crate::limits::{HIDDEN_MS, SESSION_TIMEOUT_MS, TIMEOUT_MS};

/// Where the brokers are, and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Brokers to begin with: `host:port`, separated by commas.
    pub brokers: String,
    /// Partitions of every topic, 1 or more. What is there must be the same.
    pub partitions: u32,
    /// The group of processors; the transactional ids are `<group>-<partition>`. Default `order-processor`.
    pub group: String,
    /// What stands before the name of every topic and group, so that several systems can share brokers. Default: nothing.
    pub topic_prefix: String,
    /// The name under which brokers log this process. Default `logistics`.
    pub client_id: String,
    /// Milliseconds after which the group takes a silent member for dead, 6,000 or more unless the broker allows less.
    /// Default 6,000: a dead processor's orders move again after that and the recovery.
    pub session_timeout_ms: u32,
    /// Milliseconds within which brokers must answer a call. Default 5,000.
    pub timeout_ms: u32,
    /// Milliseconds for which a transaction of another client may hide records from a reader before the brokers are asked whose
    /// it is. Default 40,000, longer than any transaction of ours lasts.
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
    /// Encrypt, and check the brokers' certificates. Needs the feature `tls`.
    pub tls: Option<Tls>,
    /// Log in.
    pub sasl: Option<Sasl>,
}

/// Certificates, as PEM files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that brokers are checked against; those of the system where there is none.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, where brokers ask for one.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
}

/// A user and its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// How it is shown to the brokers.
    pub mechanism: SaslMechanism,
    /// The user.
    pub username: String,
    /// The password; no output of this type shows it.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// How a password is shown to the brokers (RFC 4616, RFC 5802, RFC 7677).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// As it is: only over TLS, or within a network that is trusted.
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
        let sasl = Sasl {
            mechanism: SaslMechanism::Plain,
            username: "orders".to_owned(),
            password: "swordfish".to_owned(),
        };
        let mut config = Config::new("broker:9092", 12);
        config.security.sasl = Some(sasl);
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
