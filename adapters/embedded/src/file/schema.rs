//! The tables of the data file and their keys. Numbers in keys are big-endian, so that keys sort by their values.

use bytes::Bytes;
use logistics_core::lifecycle::Status;
use logistics_core::port::{LogIdentity, PartyFilter, PartyRole, StoreCheckpoint, Token, Topic};
use logistics_core::{Offset, Partition, PartyId, Timestamp};
use redb::TableDefinition;

use crate::store::document::status_code;
use logistics_core::limits::ORDER_ID_BYTES_MAX;

/// The key of a block: topic, partition, first offset.
pub(crate) type LogKey = [u8; LOG_KEY_BYTES];

/// The format of the file.
pub(crate) const FORMAT: u32 = 1;

/// Numbers of the whole file.
pub(crate) const META: TableDefinition<'static, &str, u32> = TableDefinition::new("meta");
/// The logs: [`log_key`] of a block's first record to the block.
pub(crate) const LOG: TableDefinition<'static, &LogKey, &[u8]> = TableDefinition::new("log");
/// The identity, and positions: checkpoints, next inputs, positions of groups.
pub(crate) const STATE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("state");
/// Order id to document row.
pub(crate) const DOCUMENTS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("documents");
/// The list: [`index_key`].
pub(crate) const INDEX: TableDefinition<'static, &[u8], ()> = TableDefinition::new("index");
/// The list of late orders: [`late_key`] to the status's number.
pub(crate) const LATE: TableDefinition<'static, &[u8], u8> = TableDefinition::new("late");
/// The lists of parties: [`party_key`] to the status's number. An earlier release writes none of it, and leaves entries behind that
/// no longer fit their documents.
pub(crate) const PARTIES: TableDefinition<'static, &[u8], u8> = TableDefinition::new("parties");
/// [`timer_key`] to the time at which the timer is due, in milliseconds.
pub(crate) const TIMERS: TableDefinition<'static, &[u8], i64> = TableDefinition::new("timers");

/// In [`META`].
pub(crate) const META_FORMAT: &str = "format";
/// In [`META`].
pub(crate) const META_PARTITIONS: &str = "partitions";

/// In [`STATE`]: the identity of the file's logs. A copy of the file has the same identity.
pub(crate) const IDENTITY_KEY: &[u8] = b"i";
/// Length of the identity, which is random.
pub(crate) const IDENTITY_BYTES: usize = 16;

/// In [`STATE`]: the number of orders of each status. An earlier release ignores it.
pub(crate) const COUNTS_KEY: &[u8] = b"o";

const LOG_KEY_BYTES: usize = 13;
/// Length of a checkpoint without its basis.
const CHECKPOINT_BYTES: usize = 40;

/// The topic's number in the file.
pub(crate) fn topic_code(topic: Topic) -> u8 {
    match topic {
        Topic::Orders => 0,
        Topic::Notifications => 1,
        Topic::DeadLetters => 2,
        Topic::Endpoints => 3,
        Topic::Deliveries => 4,
    }
}

/// The key of the block whose first offset is `first`.
pub(crate) fn log_key(topic: Topic, partition: Partition, first: u64) -> LogKey {
    let mut key = [0; LOG_KEY_BYTES];
    key[0] = topic_code(topic);
    key[1..5].copy_from_slice(&partition.0.to_be_bytes());
    key[5..].copy_from_slice(&first.to_be_bytes());
    key
}

/// The first offset in a block's key.
pub(crate) fn log_key_first(key: &LogKey) -> u64 {
    key[5..].try_into().map_or(0, u64::from_be_bytes)
}

/// The key of a partition's checkpoint in [`STATE`].
pub(crate) fn checkpoint_key(partition: Partition) -> [u8; 5] {
    partition_key(b'c', partition)
}

/// The key of a partition's next input in [`STATE`].
pub(crate) fn committed_key(partition: Partition) -> [u8; 5] {
    partition_key(b'n', partition)
}

fn partition_key(kind: u8, partition: Partition) -> [u8; 5] {
    let [a, b, c, d] = partition.0.to_be_bytes();
    [kind, a, b, c, d]
}

/// The first byte of a position's key in [`STATE`], for the topics of every release.
pub(crate) const POSITION_KIND: u8 = b'p';
/// The same for the topics of webhooks. An earlier release would reject the file for a topic that it does not know, and ignores
/// this kind.
pub(crate) const WEBHOOK_POSITION_KIND: u8 = b'q';

/// The key of a group's position in [`STATE`].
pub(crate) fn position_key(topic: Topic, group: &str, partition: Partition) -> Vec<u8> {
    let kind = match topic {
        Topic::Orders | Topic::Notifications | Topic::DeadLetters => POSITION_KIND,
        Topic::Endpoints | Topic::Deliveries => WEBHOOK_POSITION_KIND,
    };
    let mut key = vec![kind, topic_code(topic)];
    key.extend_from_slice(&partition.0.to_be_bytes());
    key.extend_from_slice(group.as_bytes());
    key
}

/// The topic, group and partition of a position's key.
pub(crate) fn parse_position_key(key: &[u8]) -> Option<(Topic, String, Partition)> {
    let (head, group) = key.split_at_checked(6)?;
    let topic = Topic::ALL.into_iter().find(|topic| topic_code(*topic) == head[1])?;
    let partition = Partition(u32::from_be_bytes(head[2..].try_into().ok()?));
    Some((topic, String::from_utf8(group.to_vec()).ok()?, partition))
}

pub(crate) fn encode_offset(offset: Offset) -> [u8; 8] {
    offset.0.to_be_bytes()
}

pub(crate) fn decode_offset(bytes: &[u8]) -> Option<Offset> {
    Some(Offset(u64::from_be_bytes(bytes.try_into().ok()?)))
}

pub(crate) fn encode_checkpoint(checkpoint: &StoreCheckpoint) -> Vec<u8> {
    let mut bytes = vec![0; CHECKPOINT_BYTES];
    bytes[..8].copy_from_slice(&checkpoint.offset.0.to_be_bytes());
    bytes[8..16].copy_from_slice(&checkpoint.answered.0.to_be_bytes());
    bytes[16..32].copy_from_slice(&checkpoint.token.acquisition.to_be_bytes());
    bytes[32..].copy_from_slice(&checkpoint.token.sequence.to_be_bytes());
    bytes.extend_from_slice(checkpoint.basis.as_deref().unwrap_or_default());
    bytes
}

pub(crate) fn decode_checkpoint(bytes: &[u8]) -> Option<StoreCheckpoint> {
    let (bytes, basis) = bytes.split_at_checked(CHECKPOINT_BYTES)?;
    let offset = |range: std::ops::Range<usize>| decode_offset(&bytes[range]);
    Some(StoreCheckpoint {
        offset: offset(0..8)?,
        answered: offset(8..16)?,
        token: Token {
            acquisition: u128::from_be_bytes(bytes[16..32].try_into().ok()?),
            sequence: u64::from_be_bytes(bytes[32..].try_into().ok()?),
        },
        basis: (!basis.is_empty()).then(|| Bytes::copy_from_slice(basis)),
    })
}

/// The key of an order in the list. In reverse order, the latest change of a status comes first.
pub(crate) fn index_key(status: u8, changed_at: i64, order_id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + order_id.len());
    key.push(status);
    // Timestamps are never negative.
    key.extend_from_slice(&changed_at.cast_unsigned().to_be_bytes());
    key.extend_from_slice(order_id.as_bytes());
    key
}

/// The range of a status's keys in [`INDEX`], with an exclusive end.
pub(crate) fn index_range(status: Status) -> (Vec<u8>, Vec<u8>) {
    let code = status_code(status);
    (vec![code], vec![code + 1])
}

/// The time and the order id of an index key.
pub(crate) fn parse_index_key(key: &[u8]) -> Option<(Timestamp, &str)> {
    let (head, order_id) = key.split_at_checked(9)?;
    let changed_at = i64::from_be_bytes(head[1..].try_into().ok()?);
    Some((Timestamp::from_millis(changed_at), std::str::from_utf8(order_id).ok()?))
}

/// The key of an order in the list of late orders. The order that became late first comes first.
pub(crate) fn late_key(changed_at: i64, order_id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(8 + order_id.len());
    // Timestamps are never negative.
    key.extend_from_slice(&changed_at.cast_unsigned().to_be_bytes());
    key.extend_from_slice(order_id.as_bytes());
    key
}

/// The time and the order id of a late order's key.
pub(crate) fn parse_late_key(key: &[u8]) -> Option<(Timestamp, &str)> {
    let (head, order_id) = key.split_at_checked(8)?;
    let changed_at = i64::from_be_bytes(head.try_into().ok()?);
    Some((Timestamp::from_millis(changed_at), std::str::from_utf8(order_id).ok()?))
}

/// The beginning of a party's keys in [`PARTIES`]. No id contains the 0 at its end.
fn party_prefix(role: PartyRole, id: &PartyId) -> Vec<u8> {
    let code = match role {
        PartyRole::Customer => 1,
        PartyRole::Merchant => 2,
        PartyRole::Courier => 3,
    };
    let mut prefix = Vec::with_capacity(1 + id.as_str().len() + 1 + 8 + ORDER_ID_BYTES_MAX);
    prefix.push(code);
    prefix.extend_from_slice(id.as_str().as_bytes());
    prefix.push(0);
    prefix
}

/// The key of an order in the list of a party. In reverse order, the latest change comes first.
pub(crate) fn party_key(role: PartyRole, id: &PartyId, changed_at: i64, order_id: &str) -> Vec<u8> {
    let mut key = party_prefix(role, id);
    // Timestamps are never negative.
    key.extend_from_slice(&changed_at.cast_unsigned().to_be_bytes());
    key.extend_from_slice(order_id.as_bytes());
    key
}

/// The range of a party's keys in [`PARTIES`], with an exclusive end.
pub(crate) fn party_range(party: &PartyFilter) -> (Vec<u8>, Vec<u8>) {
    let start = party_prefix(party.role, &party.id);
    let mut end = start.clone();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    (start, end)
}

/// The time and the order id of a party's key.
pub(crate) fn parse_party_key(key: &[u8]) -> Option<(Timestamp, &str)> {
    let end = key.iter().position(|byte| *byte == 0)?;
    parse_late_key(&key[end + 1..])
}

/// The identity in hexadecimal digits.
pub(crate) fn decode_identity(bytes: &[u8]) -> Option<LogIdentity> {
    let identity: [u8; IDENTITY_BYTES] = bytes.try_into().ok()?;
    Some(LogIdentity::new(&format!("{:032x}", u128::from_be_bytes(identity))))
}

/// The key of an order's timer.
pub(crate) fn timer_key(partition: Partition, order_id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + order_id.len());
    key.extend_from_slice(&partition.0.to_be_bytes());
    key.extend_from_slice(order_id.as_bytes());
    key
}

/// The order id of a timer's key.
pub(crate) fn parse_timer_key(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(4..)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_restores_keys_and_checkpoints() {
        let key = log_key(Topic::Notifications, Partition(300), 77);
        assert_eq!(log_key_first(&key), 77);
        for topic in Topic::ALL {
            let key = position_key(topic, "notifier", Partition(300));
            let expected = (topic, "notifier".to_owned(), Partition(300));
            assert_eq!(parse_position_key(&key), Some(expected));
            let kind = if topic.is_published() { WEBHOOK_POSITION_KIND } else { POSITION_KIND };
            assert_eq!(key[0], kind);
        }
        let token = Token { acquisition: u128::MAX - 5, sequence: 9 };
        let checkpoint =
            StoreCheckpoint { offset: Offset(7), answered: Offset(3), token, basis: Some("b".into()) };
        assert_eq!(decode_checkpoint(&encode_checkpoint(&checkpoint)), Some(checkpoint));
        let late = late_key(300, "order-1");
        assert_eq!(parse_late_key(&late), Some((Timestamp::from_millis(300), "order-1")));
        assert!(late_key(5, "z") < late && late < late_key(300, "order-2"));
        assert_eq!(parse_timer_key(&timer_key(Partition(1), "order-1")), Some("order-1"));
        // The time has bytes that are 0 as well.
        let party = party_key(PartyRole::Courier, &PartyId::parse("ż {p1}").unwrap(), 300, "order-1");
        assert_eq!(parse_party_key(&party), Some((Timestamp::from_millis(300), "order-1")));
    }

    #[test]
    fn the_keys_of_a_party_are_one_range() {
        let id = |id: &str| PartyId::parse(id).unwrap();
        let range = |role, text: &str| party_range(&PartyFilter { role, id: id(text) });
        let (role, other) = (PartyRole::Customer, PartyRole::Merchant);
        let (start, end) = range(role, "a");
        let keys = [party_key(role, &id("a"), 0, "a"), party_key(role, &id("a"), i64::MAX, "z")];
        assert!(keys.is_sorted() && keys.iter().all(|key| *key >= start && *key < end));
        for (role, text) in [(role, "aa"), (role, "a b"), (role, "B"), (other, "a")] {
            let (start, end) = range(role, text);
            assert!(keys.iter().all(|key| *key < start || *key >= end), "{role:?} {text}");
        }
    }

    #[test]
    fn index_keys_sort_by_status_then_time_then_id() {
        let keys = [
            index_key(1, 5, "z"),
            index_key(1, 300, "a"),
            index_key(1, 300, "b"),
            index_key(1, 300, "ba"),
            index_key(2, 1, "a"),
        ];
        assert!(keys.is_sorted());
        assert_eq!(parse_index_key(&keys[2]), Some((Timestamp::from_millis(300), "b")));
        let (start, end) = index_range(Status::Placed);
        assert!(keys.iter().filter(|key| **key >= start && **key < end).count() == 4);
    }
}
