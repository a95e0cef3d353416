//! Checks the setup of the servers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_redis::redis::{self, FromRedisValue, Value};
use futures::future::join_all;
use logistics_core::Partition;
use logistics_core::lifecycle::Status;

use crate::error::RedisStoreError;
use crate::keys::Keys;
use crate::limits::{MEMORY_USED_PERCENT_MAX, SERVER_VERSION_MIN};
use crate::script::INDEX;
use crate::server::connection::Connections;
use crate::server::servers::place_of;
use crate::server::usage::{Memory, NOEVICTION};

/// The nodes whose memory was nearly full at the latest check, so that each is logged once.
#[derive(Default)]
pub(crate) struct NearlyFull(Mutex<BTreeSet<Arc<str>>>);

/// Rejects servers that are too old, would evict documents, or do not permit this user to run scripts. Replicas count too, because one
/// of them may be the next master. An unreachable replica is skipped until the next check.
pub(crate) async fn check(
    connections: &Connections,
    keys: Keys,
    full: &NearlyFull,
) -> Result<(), RedisStoreError> {
    let place = connections.place();
    let mut conn = connections.conn().await?;
    let mut replicas = Vec::new();
    for (node, info) in conn.every_node(&redis::cmd("INFO")).await? {
        let place = named(&node, place);
        let info = text(&place, info)?;
        check_node(&place, &info, full)?;
        replicas.extend(replicas_of(&info));
    }
    let probe = (
        vec![keys.status(Partition(0), Status::Placed)],
        ["1", "", "", "ZREVRANGE"].map(str::to_owned).to_vec(),
    );
    conn.scripts::<Value>(&INDEX, &[probe]).await?;
    drop(conn);
    let replies = replicas.into_iter().map(|(host, port)| async move {
        let place = place_of(&format!("{host}:{port}"));
        (place, connections.info_of_replica(host, port).await)
    });
    for (place, answer) in join_all(replies).await {
        match answer {
            Ok(Some(info)) => check_node(&place, &info, full)?,
            // In a cluster, the command to every node included the replicas.
            Ok(None) => {}
            Err(error) => tracing::debug!(%place, %error, "cannot check a replica; the next check retries"),
        }
    }
    Ok(())
}

fn check_node(place: &Arc<str>, info: &str, full: &NearlyFull) -> Result<(), RedisStoreError> {
    check_version(place, field(info, "redis_version"))?;
    let Memory { used, max, policy, .. } = Memory::of(info);
    if full.is_crossed(place, used, max) {
        tracing::warn!(
            %place,
            used_memory_bytes = used,
            maxmemory_bytes = max,
            "Redis has used more than {MEMORY_USED_PERCENT_MAX} % of its maxmemory; writes fail when it is full: raise maxmemory"
        );
    }
    match policy {
        Some(policy) if policy == NOEVICTION => {}
        Some(policy) => return Err(RedisStoreError::Evicting { place: place.clone(), policy }),
        None => {
            tracing::warn!(%place, "Redis does not report its maxmemory-policy; make sure that it is noeviction")
        }
    }
    Ok(())
}

impl NearlyFull {
    /// Whether the node became nearly full since the last check. A node without a limit (0) never does.
    fn is_crossed(&self, place: &Arc<str>, used: u64, max: u64) -> bool {
        let mut full = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if max == 0 || u128::from(used) * 100 <= u128::from(max) * u128::from(MEMORY_USED_PERCENT_MAX) {
            full.remove(place);
            return false;
        }
        full.insert(place.clone())
    }
}

/// The addresses of a master's replicas.
fn replicas_of(info: &str) -> Vec<(String, u16)> {
    let replica = |line: &str| {
        let (_, fields) = line.strip_prefix("slave")?.split_once(':')?;
        let value = |name| fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        Some((value("ip")?.to_owned(), value("port")?.parse().ok()?))
    };
    info.lines().filter_map(replica).collect()
}

fn check_version(place: &Arc<str>, version: Option<&str>) -> Result<(), RedisStoreError> {
    let numbers = version.and_then(|version| {
        let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next().unwrap_or_default()))
    });
    match (numbers, version) {
        (Some(numbers), Some(found)) if numbers < SERVER_VERSION_MIN => {
            Err(RedisStoreError::TooOld { place: place.clone(), found: found.to_owned() })
        }
        _ => Ok(()),
    }
}

/// The node in a cluster, otherwise the configured server.
fn named(node: &str, place: &Arc<str>) -> Arc<str> {
    if node.is_empty() { place.clone() } else { place_of(node) }
}

pub(super) fn text(place: &Arc<str>, value: Value) -> Result<String, RedisStoreError> {
    String::from_redis_value(value).map_err(|error| RedisStoreError::damaged(place, error.to_string()))
}

/// A field of the reply to `INFO`.
pub(crate) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_is_read_by_field() {
        let info =
            "# Server\r\nredis_version:7.0.15\r\nredis_version_extra:1\r\nmaxmemory_policy:allkeys-lru\r\n";
        assert_eq!(field(info, "redis_version"), Some("7.0.15"));
        assert_eq!(field(info, "maxmemory_policy"), Some("allkeys-lru"));
        assert_eq!(field(info, "redis"), None);
    }

    #[test]
    fn each_crossing_of_the_memory_limit_is_logged_once() {
        let (full, [a, b]) = (NearlyFull::default(), ["h:1", "h:2"].map(place_of));
        for (place, used, max, crossed) in [
            (&a, 90, 100, false),
            (&a, 91, 100, true),
            (&a, 99, 100, false),
            (&b, 91, 100, true),
            (&a, 90, 100, false),
            (&a, 91, 100, true),
            (&a, 91, 0, false),
            (&a, u64::MAX, u64::MAX, true),
        ] {
            assert_eq!(full.is_crossed(place, used, max), crossed, "{place} {used} {max}");
        }
    }

    #[test]
    fn a_master_names_its_replicas() {
        let info = "role:master\r\nconnected_slaves:2\r\nslave_expires_tracked_keys:0\r\n\
            slave0:ip=10.0.0.2,port=6380,state=online,offset=14,lag=0\r\n\
            slave1:ip=fd00::7,port=6379,state=wait_bgsave,offset=0,lag=0\r\nmaster_failover_state:no-failover\r\n";
        assert_eq!(replicas_of(info), [("10.0.0.2".to_owned(), 6380), ("fd00::7".to_owned(), 6379)]);
    }

    #[test]
    fn old_servers_are_refused_and_unknown_ones_are_not() {
        let place = place_of("h:1");
        for (version, fits) in [
            (Some("5.0.14"), false),
            (Some("6.2.0"), true),
            (Some("6.0.0"), false),
            (Some("7.0.15"), true),
            (Some("10.1"), true),
            (Some("unstable"), true),
            (None, true),
        ] {
            assert_eq!(check_version(&place, version).is_ok(), fits, "{version:?}");
        }
    }
}
