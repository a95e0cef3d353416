//! The memory of the servers.

use deadpool_redis::redis;
use logistics_core::observe::StoreReading;

use crate::error::RedisStoreError;
use crate::server::check::{field, text};
use crate::server::connection::Connections;

/// The policy that evicts no keys.
pub(super) const NOEVICTION: &str = "noeviction";

/// The memory of one server, by its reply to `INFO`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// In bytes.
    pub(super) used: u64,
    /// `maxmemory` in bytes; 0: no limit.
    pub(super) max: u64,
    /// `None`: the server does not report it.
    pub(super) policy: Option<String>,
    /// Keys evicted since its start.
    evicted: u64,
}

impl Memory {
    pub(super) fn of(info: &str) -> Self {
        let number = |name| field(info, name).and_then(|value| value.parse().ok()).unwrap_or_default();
        Self {
            used: number("used_memory"),
            max: number("maxmemory"),
            policy: field(info, "maxmemory_policy").map(str::to_owned),
            evicted: number("evicted_keys"),
        }
    }

    /// Whether this server has used a greater share of its limit. One without a limit has used nothing of it.
    fn is_fuller_than(&self, other: &Memory) -> bool {
        match (self.max, other.max) {
            (0, 0) => self.used > other.used,
            (0, _) => false,
            (_, 0) => true,
            (max, other_max) => {
                u128::from(self.used) * u128::from(other_max) > u128::from(other.used) * u128::from(max)
            }
        }
    }

    fn evicts(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy != NOEVICTION)
    }
}

/// The usage of the masters: [`reading`].
pub(crate) async fn usage(connections: &Connections) -> Result<StoreReading, RedisStoreError> {
    let mut conn = connections.conn().await?;
    let mut nodes = Vec::new();
    for (_, info) in conn.every_master(&redis::cmd("INFO")).await? {
        nodes.push(Memory::of(&text(connections.place(), info)?));
    }
    Ok(reading(&nodes))
}

/// One reading of several nodes. The memory is that of the fullest node, because a write to a partition there fails when it is full.
/// The policy is one that evicts, if a node has one. The evicted keys are those of all nodes.
fn reading(nodes: &[Memory]) -> StoreReading {
    let mut reading = StoreReading::default();
    reading.name = "redis";
    let fullest =
        nodes.iter().reduce(|fullest, node| if node.is_fuller_than(fullest) { node } else { fullest });
    if let Some(fullest) = fullest {
        reading.used_bytes = Some(fullest.used);
        reading.limit_bytes = Some(fullest.max).filter(|max| *max > 0);
        reading.eviction_policy = nodes.iter().find(|node| node.evicts()).unwrap_or(fullest).policy.clone();
        reading.evicted_keys = Some(nodes.iter().map(|node| node.evicted).sum());
    }
    reading
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(used: u64, max: u64, policy: &str, evicted: u64) -> Memory {
        Memory { used, max, policy: Some(policy.to_owned()), evicted }
    }

    #[test]
    fn memory_is_read_from_info() {
        let info = "used_memory:1024\r\nused_memory_human:1K\r\nmaxmemory:4096\r\nmaxmemory_policy:noeviction\r\n\
            # Stats\r\nevicted_keys:7\r\n";
        assert_eq!(Memory::of(info), node(1024, 4096, NOEVICTION, 7));
        assert_eq!(Memory::of(""), Memory::default());
    }

    #[test]
    fn the_fullest_node_counts_and_evicted_keys_are_added() {
        let nodes = [
            node(900, 0, NOEVICTION, 1),
            node(50, 100, NOEVICTION, 2),
            node(60, 1000, "allkeys-lru", 3),
            node(u64::MAX / 2, u64::MAX, NOEVICTION, 0),
        ];
        let reading = reading(&nodes);
        assert_eq!((reading.name, reading.used_bytes, reading.limit_bytes), ("redis", Some(50), Some(100)));
        assert_eq!(
            (reading.eviction_policy.as_deref(), reading.evicted_keys),
            (Some("allkeys-lru"), Some(6))
        );
        let without_limit = super::reading(&[node(1, 0, NOEVICTION, 0), node(2, 0, NOEVICTION, 0)]);
        assert_eq!((without_limit.used_bytes, without_limit.limit_bytes), (Some(2), None));
        assert_eq!(super::reading(&[]).used_bytes, None);
    }
}
