//! Whether the servers are fit for the store.

use std::sync::Arc;

use deadpool_redis::redis::{self, FromRedisValue, Value};
use logistics_core::Partition;
use logistics_core::lifecycle::Status;

use crate::connection::Lent;
use crate::error::RedisStoreError;
use crate::keys::Keys;
use crate::limits::SERVER_VERSION_MIN;
use crate::script::INDEX;
use crate::servers::place_of;

/// The policy under which nothing is thrown away.
const NOEVICTION: &str = "noeviction";

/// Refuses servers that are too old, that would throw documents away, or that do not let this user run scripts.
pub(crate) async fn check(lent: &mut Lent, place: &Arc<str>, keys: Keys) -> Result<(), RedisStoreError> {
    for (node, info) in lent.every_node(redis::cmd("INFO").arg("server")).await? {
        let place = named(&node, place);
        check_version(&place, field(&text(&place, info)?, "redis_version"))?;
    }
    check_policy(lent, place).await?;
    let probe = (vec![keys.status(Partition(0), Status::Placed)], ["1", "", ""].map(str::to_owned).to_vec());
    lent.scripts::<Value>(&INDEX, &[probe]).await.map(drop)
}

async fn check_policy(lent: &mut Lent, place: &Arc<str>) -> Result<(), RedisStoreError> {
    let told = lent.every_node(redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy")).await;
    let policies: Vec<(String, Option<String>)> = match told {
        Ok(nodes) => nodes.into_iter().map(|(node, value)| (node, second(value))).collect(),
        // Managed servers forbid or do not know it.
        Err(RedisStoreError::Forbidden { .. } | RedisStoreError::Unavailable { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    let unknown = policies.is_empty() || policies.iter().any(|(_, policy)| policy.is_none());
    let policies = if unknown { policies_of_info(lent, place).await? } else { policies };
    for (node, policy) in policies {
        let place = named(&node, place);
        match policy {
            Some(policy) if policy == NOEVICTION => {}
            Some(policy) => return Err(RedisStoreError::Evicting { place, policy }),
            None => tracing::warn!(%place, "cannot tell the maxmemory-policy; it has to be noeviction"),
        }
    }
    Ok(())
}

async fn policies_of_info(
    lent: &mut Lent,
    place: &Arc<str>,
) -> Result<Vec<(String, Option<String>)>, RedisStoreError> {
    let nodes = lent.every_node(redis::cmd("INFO").arg("memory")).await?;
    let policy = |(node, info): (String, Value)| {
        let info = text(&named(&node, place), info)?;
        Ok((node, field(&info, "maxmemory_policy").map(str::to_owned)))
    };
    nodes.into_iter().map(policy).collect()
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

/// In a cluster, the node that answered.
fn named(node: &str, place: &Arc<str>) -> Arc<str> {
    if node.is_empty() { place.clone() } else { place_of(node) }
}

fn text(place: &Arc<str>, value: Value) -> Result<String, RedisStoreError> {
    String::from_redis_value(value).map_err(|error| RedisStoreError::damaged(place, error.to_string()))
}

/// The value of the answer to `CONFIG GET`.
fn second(value: Value) -> Option<String> {
    let pairs = Vec::<(String, String)>::from_redis_value(value).ok()?;
    pairs.into_iter().next().map(|(_, value)| value)
}

/// A field of the answer to `INFO`.
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
