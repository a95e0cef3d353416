//! Errors of the store.

use std::io;
use std::sync::Arc;

use deadpool_redis::redis::{ErrorKind, RedisError};
use logistics_core::Partition;
use logistics_core::port::{PortError, PortErrorKind};

use crate::limits::SERVER_VERSION_MIN;

/// A failure of the store. Its text says what to do, and contains no password.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// A text of the configuration is not the URL of a Redis server.
    #[error(
        "`{url}` is not the URL of a Redis server: {reason}; use the form redis://[user[:password]@]host[:port][/database]"
    )]
    InvalidUrl {
        /// The URL, without user and password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting is out of its range.
    #[error("the setting `{name}` of the Redis store {problem}")]
    InvalidSetting {
        /// The field of [`crate::Config`].
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// This build has no TLS.
    #[error(
        "`{0}` needs TLS, which this build does not have: enable the feature `tls` of logistics-redis, or use redis://"
    )]
    NoTls(String),
    /// The partition does not exist.
    #[error("the Redis store has no partition {asked}: the configured partitions are 0 to {last}")]
    NoPartition {
        /// The requested partition.
        asked: Partition,
        /// The last one.
        last: u32,
    },
    /// The connection failed.
    #[error("cannot connect to {place}: {reason}; check its address, and that it runs")]
    Unreachable {
        /// The server.
        place: Arc<str>,
        /// The error of the system.
        reason: String,
    },
    /// The server did not answer in time. The outcome of the call is unknown.
    #[error("{place} did not answer within {timeout_ms} ms: check its load and the network to it")]
    TimedOut {
        /// The server.
        place: Arc<str>,
        /// The time limit.
        timeout_ms: u64,
    },
    /// Every connection was in use.
    #[error(
        "all {connections_max} connections to {place} were in use for {timeout_ms} ms: raise `connections_max`, or check its load"
    )]
    Busy {
        /// The server.
        place: Arc<str>,
        /// The limit.
        connections_max: usize,
        /// The time limit.
        timeout_ms: u64,
    },
    /// The call failed, and a retry may help.
    #[error("{place} is temporarily unavailable: {reason}")]
    Unavailable {
        /// The server.
        place: Arc<str>,
        /// The error of the server or the system.
        reason: String,
    },
    /// The server reached its `maxmemory`.
    #[error("{place} is full: free memory or raise its maxmemory; writes then continue")]
    Full {
        /// The server.
        place: Arc<str>,
    },
    /// The user or the password is wrong or missing.
    #[error("{place} rejects the user or the password: check both in the configuration")]
    Credentials {
        /// The server.
        place: Arc<str>,
    },
    /// The user lacks a right.
    #[error("{place} does not permit this user a command that the store needs: {reason}; extend its ACL")]
    Forbidden {
        /// The server.
        place: Arc<str>,
        /// The error of the server.
        reason: String,
    },
    /// The store does not work with the setup of the server.
    #[error("{place} is not set up for the store: {reason}")]
    Setup {
        /// The server.
        place: Arc<str>,
        /// The error, and what to do.
        reason: String,
    },
    /// The server would evict documents.
    #[error(
        "{place} has maxmemory-policy {policy}, so it would evict orders when it is full: run `CONFIG SET maxmemory-policy \
         noeviction` there, and add the line `maxmemory-policy noeviction` to its redis.conf"
    )]
    Evicting {
        /// The server.
        place: Arc<str>,
        /// Its policy.
        policy: String,
    },
    /// The server is too old.
    #[error("{place} runs Redis {found}; the store needs {}.{} or later", SERVER_VERSION_MIN.0, SERVER_VERSION_MIN.1)]
    TooOld {
        /// The server.
        place: Arc<str>,
        /// Its version.
        found: String,
    },
    /// Another system uses the same database.
    #[error(
        "{place} is in use by another system ({other}); this one is {system}: give one of them a separate database or \
         --redis-key-prefix. The claim of a stopped system expires after 90 s"
    )]
    OtherSystem {
        /// The server.
        place: Arc<str>,
        /// This system.
        system: String,
        /// The other one.
        other: String,
    },
    /// The Sentinels do not know the master.
    #[error("{place} knows no master `{master}`: check its name in the configuration")]
    UnknownMaster {
        /// A Sentinel.
        place: Arc<str>,
        /// The name.
        master: String,
    },
    /// Redis has a value that the store did not write.
    #[error(
        "{place} has a value that the store did not write: {reason}; delete the keys of that partition, and its owner rebuilds them from \
         the log"
    )]
    Damaged {
        /// The server.
        place: Arc<str>,
        /// The value.
        reason: String,
    },
}

impl RedisStoreError {
    /// The kind for a caller of the port, which says whether a retry can help.
    #[must_use]
    pub fn kind(&self) -> PortErrorKind {
        match self {
            RedisStoreError::InvalidUrl { .. }
            | RedisStoreError::InvalidSetting { .. }
            | RedisStoreError::NoTls(_)
            | RedisStoreError::NoPartition { .. }
            | RedisStoreError::Credentials { .. }
            | RedisStoreError::Forbidden { .. }
            | RedisStoreError::Setup { .. }
            | RedisStoreError::Evicting { .. }
            | RedisStoreError::TooOld { .. }
            | RedisStoreError::OtherSystem { .. }
            | RedisStoreError::UnknownMaster { .. } => PortErrorKind::Refused,
            RedisStoreError::Unreachable { .. }
            | RedisStoreError::TimedOut { .. }
            | RedisStoreError::Busy { .. }
            | RedisStoreError::Unavailable { .. } => PortErrorKind::Unavailable,
            RedisStoreError::Full { .. } => PortErrorKind::StorageFull,
            RedisStoreError::Damaged { .. } => PortErrorKind::Corrupt,
        }
    }

    /// A failure of a call with this time limit.
    pub(crate) fn from_redis(place: &Arc<str>, timeout_ms: u64, error: &RedisError) -> Self {
        let (place, reason) = (place.clone(), error.to_string());
        if error.is_timeout() {
            return Self::TimedOut { place, timeout_ms };
        }
        if let Some(code) = code_of(error) {
            return match code.as_str() {
                "OOM" => Self::Full { place },
                "NOAUTH" | "WRONGPASS" => Self::Credentials { place },
                "NOPERM" => Self::Forbidden { place, reason },
                "CROSSSLOT" => Self::Setup { place, reason },
                "WRONGTYPE" => Self::Damaged { place, reason },
                // Among them LOADING, READONLY, CLUSTERDOWN, TRYAGAIN, MASTERDOWN, MISCONF, NOREPLICAS and BUSY. ERR has too
                // many meanings to know that it is permanent.
                _ => Self::Unavailable { place, reason },
            };
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Credentials { place },
            ErrorKind::InvalidClientConfig | ErrorKind::RESP3NotSupported => Self::Setup { place, reason },
            ErrorKind::UnexpectedReturnType => Self::Damaged { place, reason },
            _ => Self::Unavailable { place, reason },
        }
    }

    /// A failure to connect.
    pub(crate) fn from_connecting(place: &Arc<str>, timeout_ms: u64, error: &RedisError) -> Self {
        match Self::from_redis(place, timeout_ms, error) {
            Self::Unavailable { place, reason } if code_of(error).is_none() => {
                Self::Unreachable { place, reason }
            }
            Self::TimedOut { place, timeout_ms } => {
                Self::Unreachable { place, reason: format!("no answer within {timeout_ms} ms") }
            }
            other => other,
        }
    }

    pub(crate) fn damaged(place: &Arc<str>, reason: impl Into<String>) -> Self {
        Self::Damaged { place: place.clone(), reason: reason.into() }
    }
}

impl From<RedisStoreError> for PortError {
    fn from(error: RedisStoreError) -> Self {
        PortError::new(error.kind(), error.to_string())
    }
}

/// The error code of the server; of several errors, the first.
fn code_of(error: &RedisError) -> Option<String> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_, error)| error.code().to_owned())
}

/// The client's error for a timeout.
pub(crate) fn no_answer() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::{ErrorKind, RedisError, Value, parse_redis_value};

    use super::*;

    /// The client's error for a reply.
    fn answered(answer: &str) -> RedisError {
        match parse_redis_value(format!("-{answer}\r\n").as_bytes()).map(Value::extract_error) {
            Ok(Err(error)) | Err(error) => error,
            Ok(Ok(value)) => panic!("no error: {value:?}"),
        }
    }

    fn kind(error: &RedisError) -> PortErrorKind {
        RedisStoreError::from_redis(&Arc::from("Redis"), 5, error).kind()
    }

    #[test]
    fn the_code_decides_the_kind() {
        for (answer, wanted) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", PortErrorKind::StorageFull),
            ("NOAUTH Authentication required.", PortErrorKind::Refused),
            ("WRONGPASS invalid username-password pair or user is disabled.", PortErrorKind::Refused),
            ("NOPERM this user has no permissions to run the 'get' command", PortErrorKind::Refused),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", PortErrorKind::Corrupt),
            ("LOADING Redis is loading the dataset in memory", PortErrorKind::Unavailable),
            ("READONLY You can't write against a read only replica.", PortErrorKind::Unavailable),
            ("CLUSTERDOWN Hash slot not served", PortErrorKind::Unavailable),
            ("TRYAGAIN Multiple keys request during rehashing of slot", PortErrorKind::Unavailable),
            ("MASTERDOWN Link with MASTER is down", PortErrorKind::Unavailable),
            ("MISCONF Redis is configured to save RDB snapshots", PortErrorKind::Unavailable),
            ("NOREPLICAS Not enough good replicas to write.", PortErrorKind::Unavailable),
            ("BUSY Redis is busy running a script.", PortErrorKind::Unavailable),
            ("ERR max number of clients reached", PortErrorKind::Unavailable),
        ] {
            assert_eq!(kind(&answered(answer)), wanted, "{answer}");
        }
    }

    #[test]
    fn errors_of_the_client_have_kinds() {
        let io = |kind: io::ErrorKind| RedisError::from(io::Error::from(kind));
        assert_eq!(kind(&no_answer()), PortErrorKind::Unavailable);
        assert_eq!(kind(&io(io::ErrorKind::ConnectionReset)), PortErrorKind::Unavailable);
        assert_eq!(kind(&RedisError::from((ErrorKind::AuthenticationFailed, "no"))), PortErrorKind::Refused);
        let place = Arc::from("Redis at h:1");
        let refused = io(io::ErrorKind::ConnectionRefused);
        let error = RedisStoreError::from_connecting(&place, 5, &refused);
        assert!(matches!(error, RedisStoreError::Unreachable { .. }) && error.to_string().contains("h:1"));
        let loading = RedisStoreError::from_connecting(&place, 5, &answered("LOADING wait"));
        assert!(matches!(loading, RedisStoreError::Unavailable { .. }));
    }
}
