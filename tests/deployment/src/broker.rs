//! What a broker says of itself.

/// What Kafka 4.3 logs where partitions have no leader when their transaction ends: it takes them for deleted ones.
const END_LOST: &str = "Couldn't find leader endpoint";

/// Sees in the log of a broker that it lost the end of no transaction. What follows from one that it lost depends on what comes
/// after it, so an audit may find nothing.
///
/// # Panics
/// When it lost one, or this is the log of no broker that has started.
pub fn lost_no_end(log: &str) {
    assert!(log.contains("Kafka Server started"), "the log of a broker: {log}");
    let lost: Vec<_> = log.lines().filter(|line| line.contains(END_LOST)).collect();
    assert!(lost.is_empty(), "ends of transactions that the broker lost: {lost:#?}");
}

#[cfg(test)]
mod tests {
    use super::lost_no_end;

    const STARTED: &str =
        "INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)\n";

    #[test]
    fn a_start_is_no_loss() {
        lost_no_end(STARTED);
    }

    #[test]
    #[should_panic(expected = "orders-4")]
    fn a_lost_end_is_seen() {
        let lost = "INFO [Transaction Marker Channel Manager 1]: Couldn't find leader endpoint for partitions Set(orders-4) while";
        lost_no_end(&format!("{STARTED}{lost}"));
    }
}
