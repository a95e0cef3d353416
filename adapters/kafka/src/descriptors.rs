//! The number of file descriptors: each partition of an owner has a client of librdkafka, and each client has descriptors.

use crate::limits::{
    DESCRIPTORS_OF_A_BROKER, DESCRIPTORS_OF_A_CLIENT, DESCRIPTORS_OF_THE_PROCESS, SHARED_CLIENTS,
};

/// Upper bound of the file descriptors of a process that owns all partitions.
pub(crate) fn needed(partitions: u32, brokers: u32) -> u64 {
    let client = DESCRIPTORS_OF_A_CLIENT + DESCRIPTORS_OF_A_BROKER * u64::from(brokers.max(1));
    (u64::from(partitions) + SHARED_CLIENTS) * client + DESCRIPTORS_OF_THE_PROCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_a_client_and_each_client_all_brokers() {
        let more = |partitions, brokers| needed(partitions, brokers) - needed(partitions - 1, brokers);
        assert_eq!(more(2, 1), DESCRIPTORS_OF_A_CLIENT + DESCRIPTORS_OF_A_BROKER);
        assert_eq!(more(1024, 3), DESCRIPTORS_OF_A_CLIENT + 3 * DESCRIPTORS_OF_A_BROKER);
        assert!(needed(12, 3) < 1024, "the usual limit suffices for 12 partitions: {}", needed(12, 3));
        assert!(needed(1024, 1) > 1024);
    }
}
