//! What can go wrong between the store and Redis.

use std::io;
use std::sync::Arc;

use deadpool_redis::redis::{ErrorKind, RedisError};
use logistics_core::Partition;
use logistics_core::port::{PortError, PortErrorKind};

use crate::limits::SERVER_VERSION_MIN;

/// A failure of the store, as a sentence that says what to do. None of them holds a password.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// A text of the configuration is not the URL of a Redis server.
    #[error(
        "`{url}` is not the URL of a Redis server: {reason}; the form is redis://[user[:password]@]host[:port][/database]"
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
        "`{0}` asks for TLS, which this build does not have: build it with the feature `tls` of logistics-redis, or use \
         redis://"
    )]
    NoTls(String),
    /// There is no such partition.
    #[error("there is no partition {asked}: they are numbered from 0 to {last}")]
    NoPartition {
        /// The number that was asked for.
        asked: Partition,
        /// The last one.
        last: u32,
    },
    /// No connection came about.
    #[error("cannot connect to {place}: {reason}; check the address, and that it runs")]
    Unreachable {
        /// The server.
        place: Arc<str>,
        /// What the system says.
        reason: String,
    },
    /// No answer came in time. What was asked for may happen all the same.
    #[error("{place} did not answer within {timeout_ms} ms: check its load and the network to it")]
    TimedOut {
        /// The server.
        place: Arc<str>,
        /// How long was waited.
        timeout_ms: u64,
    },
    /// Every connection was in use.
    #[error(
        "all {connections_max} connections to {place} were in use for {timeout_ms} ms: allow more of them, or check its load"
    )]
    Busy {
        /// The server.
        place: Arc<str>,
        /// The limit.
        connections_max: usize,
        /// How long was waited.
        timeout_ms: u64,
    },
    /// The server cannot answer now, and may later.
    #[error("{place} cannot do it at the moment: {reason}")]
    Unavailable {
        /// The server.
        place: Arc<str>,
        /// What it says, or the system.
        reason: String,
    },
    /// The server reached its `maxmemory`.
    #[error("{place} is full: make room or raise its maxmemory, and writes go on by themselves")]
    Full {
        /// The server.
        place: Arc<str>,
    },
    /// User or password are wrong, or missing.
    #[error("{place} refuses the user or the password: check both in the configuration")]
    Credentials {
        /// The server.
        place: Arc<str>,
    },
    /// The user may not do what the store has to.
    #[error("{place} does not let this user do what the store has to: {reason}; extend its ACL")]
    Forbidden {
        /// The server.
        place: Arc<str>,
        /// What it says.
        reason: String,
    },
    /// The server is set up in a way in which the store does not work.
    #[error("{place} is not set up for the store: {reason}")]
    Setup {
        /// The server.
        place: Arc<str>,
        /// What it says, and what to do.
        reason: String,
    },
    /// The server would throw documents away.
    #[error(
        "{place} has maxmemory-policy {policy}, so it would throw orders away once it is full: run `CONFIG SET \
         maxmemory-policy noeviction` there, and put the line `maxmemory-policy noeviction` into its redis.conf"
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
    /// Another system is alive in the same database.
    #[error(
        "{place} is in use by another system ({other}), this one is {system}: give one of them a database or a \
         --redis-key-prefix of its own; a system that was stopped is forgotten after 90 s"
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
    /// What stands in Redis is not what the store wrote.
    #[error(
        "{place} holds something that the store did not write: {reason}; delete the keys of that partition, and its owner \
         rebuilds them from the log"
    )]
    Damaged {
        /// The server.
        place: Arc<str>,
        /// What was found.
        reason: String,
    },
}

impl RedisStoreError {
    /// What a caller of a port can do about it.
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

    /// A failure that the client reports, in a call that may take so long.
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
                // Among them LOADING, READONLY, CLUSTERDOWN, TRYAGAIN, MASTERDOWN, MISCONF, NOREPLICAS and BUSY; and ERR, of
                // which there are too many to know that none of them passes.
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

    /// A failure that the client reports while it connects.
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

/// The code of what the server answered; of several answers, that of the first failure.
fn code_of(error: &RedisError) -> Option<String> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_, error)| error.code().to_owned())
}

/// What the client reports when no answer came in time.
pub(crate) fn no_answer() -> RedisError {
    io::Error::from(io::ErrorKind::TimedOut).into()
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::{ErrorKind, RedisError, Value, parse_redis_value};

    use super::*;

    /// What the client makes of an answer.
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
    fn errors_are_told_apart_by_their_codes() {
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
    fn what_the_client_sees_itself_has_kinds_too() {
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
