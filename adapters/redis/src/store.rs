//! The order store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use deadpool_redis::redis::{self, Value};
use logistics_core::observe::StoreReading;
use logistics_core::port::{
    ClearOutcome, DocumentLookup, ListQuery, Loaded, OrderReader, OwnerStore, Page, PortError, Recovery,
    StatusSummary, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};
use logistics_core::{OrderId, Partition, RequestId, RequestOutcome, partition_of};
use tokio::sync::watch;

use crate::config::{Config, Servers};
use crate::error::RedisStoreError;
use crate::keys::Keys;
use crate::limits::{CLAIM_KEPT_MS, KEY_PREFIX_BYTES_MAX};
use crate::read::list::Lister;
use crate::read::outcomes::Outcomes;
use crate::read::{lookup, summary};
use crate::script::CLAIM;
use crate::server::check::{self, NearlyFull};
use crate::server::connection::Connections;
use crate::server::servers::{Target, invalid};
use crate::server::usage;
use crate::write::clear::Clearings;
use crate::write::packed::Packed;

/// The order store in Redis. Clones share its connections.
///
/// Every call uses a connection of the pool and has a deadline. The store retries no call; the caller decides by the kind of the
/// error. A cancelled call closes its connection.
#[derive(Clone)]
pub struct RedisStore {
    connections: Arc<Connections>,
    outcomes: Arc<Outcomes>,
    clearings: Arc<Clearings>,
    nearly_full: Arc<NearlyFull>,
    keys: Keys,
    partitions: u32,
    address: Arc<str>,
}

impl RedisStore {
    /// Creates a store without contacting the servers; [`RedisStore::check`] contacts them.
    ///
    /// # Errors
    /// If the configuration is invalid. The text names the setting or the URL.
    pub fn new(config: Config) -> Result<RedisStore, RedisStoreError> {
        for (name, is_zero) in [
            ("partitions", config.partitions == 0),
            ("connections_max", config.connections_max == 0),
            ("connect_timeout_ms", config.connect_timeout_ms == 0),
            ("timeout_ms", config.timeout_ms == 0),
        ] {
            if is_zero {
                return Err(invalid(name, "must be at least 1"));
            }
        }
        check_prefix(&config.key_prefix)?;
        let target = Target::parse(&config)?;
        #[cfg(feature = "tls")]
        install_crypto();
        // A store lives as long as its process, and every key of every call needs it.
        let prefix: &'static str = config.key_prefix.clone().leak();
        let keys = match &config.servers {
            Servers::Cluster { .. } => Keys::Tagged(prefix),
            Servers::Single { .. } | Servers::Sentinel { .. } => Keys::Plain(prefix),
        };
        let connections = Arc::new(Connections::new(&target, &config)?);
        let outcomes = Arc::new(Outcomes::new(connections.clone(), keys));
        let (partitions, address) = (config.partitions, Arc::from(target.address()));
        Ok(Self {
            connections,
            outcomes,
            clearings: Arc::default(),
            nearly_full: Arc::default(),
            keys,
            partitions,
            address,
        })
    }

    /// Checks that the servers are reachable and set up for the store: credentials, version, and `maxmemory-policy noeviction` on every
    /// node and reachable replica. Logs a warning when a node has used more than 90 % of its `maxmemory`.
    ///
    /// # Errors
    /// `Unavailable` if a server is unreachable; `Refused`, with the correction, if its setup is wrong.
    pub async fn check(&self) -> Result<(), PortError> {
        Ok(check::check(&self.connections, self.keys, &self.nearly_full).await?)
    }

    /// The memory of the servers: that of the fullest master, with an eviction policy that evicts, if a master has one, and the evicted
    /// keys of all masters.
    ///
    /// # Errors
    /// `Unavailable` if a server is unreachable; `Refused` if the user lacks the right.
    pub async fn usage(&self) -> Result<StoreReading, PortError> {
        Ok(usage::usage(&self.connections).await?)
    }

    /// The number of connections opened so far. A new connection may lead to another server, so [`check`](Self::check) again when it
    /// changes. In a cluster, a connection outlasts changes of its nodes, so also check periodically.
    #[must_use]
    pub fn connections_opened(&self) -> watch::Receiver<u64> {
        self.connections.opened()
    }

    /// Checks that no other system has claimed this database. With `claim`, this system claims it for
    /// [`CLAIM_KEPT_MS`](crate::limits::CLAIM_KEPT_MS), and must renew the claim before that.
    ///
    /// # Errors
    /// [`RedisStoreError::OtherSystem`] if another system uses it, and all errors of a call.
    pub async fn check_system(&self, system: &str, claim: bool) -> Result<(), RedisStoreError> {
        let mut conn = self.connections.conn().await?;
        let kept_ms = if claim { CLAIM_KEPT_MS.to_string() } else { String::new() };
        let call = |by| CLAIM.small_call(by, &[self.keys.system()], &[system, &kept_ms]);
        let other: String = conn.script(call).await?;
        if other.is_empty() {
            return Ok(());
        }
        let place = self.connections.place().clone();
        Err(RedisStoreError::OtherSystem { place, system: system.to_owned(), other })
    }

    /// Whether the database has no keys at all: `DBSIZE` of every master is 0.
    ///
    /// # Errors
    /// `Unavailable` if a server is unreachable; `Refused` if the user lacks the right.
    pub async fn is_empty(&self) -> Result<bool, PortError> {
        let mut conn = self.connections.conn().await?;
        let sizes = conn.every_master(&redis::cmd("DBSIZE")).await?;
        Ok(sizes.iter().all(|(_, size)| matches!(size, Value::Int(0))))
    }

    /// Deletes all keys of the database, also those of other programs: `FLUSHDB ASYNC` at every master. The owners of the partitions
    /// rebuild the store's keys from the log.
    ///
    /// # Errors
    /// `Unavailable` if a server is unreachable; `Refused` if the user lacks the right.
    pub async fn wipe(&self) -> Result<(), PortError> {
        let mut conn = self.connections.conn().await?;
        conn.every_master(redis::cmd("FLUSHDB").arg("ASYNC")).await?;
        Ok(())
    }

    /// The addresses of the servers for display, without user and password.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn keys(&self) -> Keys {
        self.keys
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    fn known(&self, partition: Partition) -> Result<(), RedisStoreError> {
        if partition.0 < self.partitions {
            return Ok(());
        }
        Err(RedisStoreError::NoPartition { asked: partition, last: self.partitions - 1 })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("address", &self.address)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl OwnerStore for RedisStore {
    async fn recover(&self, partition: Partition) -> Result<Recovery, PortError> {
        self.known(partition)?;
        let mut conn = self.connections.conn().await?;
        Ok(lookup::recovery(&mut conn, self.connections.place(), self.keys, partition).await?)
    }

    async fn load(&self, partition: Partition, ids: &[OrderId]) -> Result<Loaded, PortError> {
        self.known(partition)?;
        let mut conn = self.connections.conn().await?;
        Ok(lookup::loaded(&mut conn, self.connections.place(), self.keys, partition, ids).await?)
    }

    async fn write(&self, write: StoreWrite) -> Result<WriteOutcome, PortError> {
        self.known(write.partition)?;
        let place = self.connections.place();
        let packed = Packed::new(self.keys, &write)
            .map_err(|error| RedisStoreError::Setup { place: place.clone(), reason: error.to_string() })?;
        let mut conn = self.connections.conn().await?;
        match conn.script::<i64>(|by| packed.call(by)).await? {
            0 => Ok(WriteOutcome::Mismatch),
            _ => Ok(WriteOutcome::Applied),
        }
    }

    async fn clear(&self, partition: Partition, token: Token) -> Result<ClearOutcome, PortError> {
        self.known(partition)?;
        let mut conn = self.connections.conn().await?;
        let place = self.connections.place();
        Ok(self.clearings.step(&mut conn, place, (self.keys, self.partitions), partition, token).await?)
    }
}

#[async_trait]
impl OrderReader for RedisStore {
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError> {
        let partition = partition_of(order_id, self.partitions);
        let mut conn = self.connections.conn().await?;
        Ok(lookup::document(&mut conn, self.connections.place(), self.keys, partition, order_id).await?)
    }

    async fn checkpoint(&self, partition: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        let mut conn = self.connections.conn().await?;
        Ok(lookup::checkpoint(&mut conn, self.connections.place(), self.keys, partition).await?)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        let mut conn = self.connections.conn().await?;
        let (place, keys, partitions) = (self.connections.place(), self.keys, self.partitions);
        Ok(Lister { conn: &mut conn, place, keys, partitions }.page(query).await?)
    }

    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        let mut conn = self.connections.conn().await?;
        Ok(summary::summary(&mut conn, self.keys, self.partitions).await?)
    }

    async fn outcome(&self, order_id: &OrderId, request: &RequestId) -> Result<RequestOutcome, PortError> {
        let partition = partition_of(order_id, self.partitions);
        Ok(self.outcomes.wait(partition, order_id, request).await?)
    }
}

fn check_prefix(prefix: &str) -> Result<(), RedisStoreError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    // The documents of a system with the prefix `order:` would look like those of one without a prefix, and its keys with the prefix
    // `party:1:` like the list of a party.
    let mut behind_party = prefix.split("party:").skip(1);
    if prefix.contains("order:") || behind_party.any(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(invalid("key_prefix", "must not contain `order:`, nor `party:` before a digit"));
    }
    if prefix.len() <= KEY_PREFIX_BYTES_MAX && prefix.bytes().all(fits) {
        return Ok(());
    }
    Err(invalid("key_prefix", "must be letters, digits, `_`, `-`, `.` and `:`, 64 at most"))
}

/// Installs the cryptography of rustls, unless the process has installed one.
#[cfg(feature = "tls")]
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only if another thread installed one first.
        _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::port::PortErrorKind;

    use super::*;

    #[test]
    fn new_checks_the_settings_without_contacting_a_server() {
        let base = || Config::new("redis://127.0.0.1:1", 12);
        assert!(RedisStore::new(base()).is_ok());
        for (config, name) in [
            (Config { partitions: 0, ..base() }, "`partitions`"),
            (Config { connections_max: 0, ..base() }, "`connections_max`"),
            (Config { connect_timeout_ms: 0, ..base() }, "`connect_timeout_ms`"),
            (Config { timeout_ms: 0, ..base() }, "`timeout_ms`"),
            (Config { key_prefix: "order:eu:".to_owned(), ..base() }, "`key_prefix`"),
            (Config { key_prefix: "eu:party:3:".to_owned(), ..base() }, "`key_prefix`"),
            (Config::new("localhost:6379", 12), "`localhost:6379`"),
        ] {
            let error = RedisStore::new(config).expect_err("an invalid setting");
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(error.kind(), PortErrorKind::Refused);
        }
    }

    #[test]
    fn a_store_shows_its_address_and_no_secret() {
        let store = RedisStore::new(Config::new("redis://ann:hunter2@example:7000/1", 12)).expect("a store");
        assert_eq!(store.address(), "example:7000");
        assert!(!format!("{store:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_partition_that_does_not_exist_is_refused() {
        let store = RedisStore::new(Config::new("redis://127.0.0.1:1", 12)).expect("a store");
        let error = store.recover(Partition(12)).await.expect_err("no such partition");
        assert_eq!(error.kind(), PortErrorKind::Refused);
        let error = store.recover(Partition(11)).await.expect_err("no server at this address");
        assert_eq!(error.kind(), PortErrorKind::Unavailable);
        assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    }
}
