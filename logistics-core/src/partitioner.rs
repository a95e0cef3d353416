//! The partition of an order, by the hash of Kafka's Java client, so that every producer computes the same one.

use crate::ids::{OrderId, Partition};

/// The partition of an order among `partitions`: murmur2 of the id, as in Kafka's default partitioner.
#[must_use]
pub fn partition_of(order_id: &OrderId, partitions: u32) -> Partition {
    partition_of_key(order_id.as_str(), partitions)
}

/// The partition of a record with this key among `partitions`, by the same hash.
pub(crate) fn partition_of_key(key: &str, partitions: u32) -> Partition {
    let positive = murmur2(key.as_bytes()) & 0x7fff_ffff;
    Partition(positive % partitions.max(1))
}

/// 32-bit murmur2 with the seed of Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    // An id has at most 64 bytes.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_equal_those_of_the_java_client() {
        // The vectors of Kafka's own UtilsTest.testMurmur2.
        #[allow(clippy::cast_sign_loss)]
        let java = |hash: i32| hash as u32;
        assert_eq!(murmur2(b"21"), java(-973_932_308));
        assert_eq!(murmur2(b"foobar"), java(-790_332_482));
        assert_eq!(murmur2(b"a-little-bit-long-string"), java(-985_981_536));
        assert_eq!(murmur2(b"a-little-bit-longer-string"), java(-1_486_304_829));
        assert_eq!(murmur2(b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), java(-58_897_971));
        assert_eq!(murmur2(b"abc"), java(479_470_107));
    }
}
