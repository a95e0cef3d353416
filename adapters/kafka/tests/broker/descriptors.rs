//! File descriptors of the clients.

use std::fs;

use logistics_core::Offset;
use logistics_core::Partition;
use logistics_core::port::{CommitOutcome, NewRecord, Topic, Transaction};
use logistics_kafka::limits::{DESCRIPTORS_OF_A_BROKER, DESCRIPTORS_OF_A_CLIENT};

use crate::system::System;

const PARTITIONS: u32 = 8;

/// The number of open file descriptors; `None` if the system does not expose it.
fn open() -> Option<usize> {
    fs::read_dir("/proc/self/fd").ok().map(Iterator::count)
}

pub(crate) async fn are_no_more_than_computed() {
    let system = System::start(PARTITIONS).await;
    let membership = system.join().await;
    let logs: Vec<_> = (0..PARTITIONS).map(|partition| membership.log(Partition(partition))).collect();
    let Some(before) = open() else { return };
    for (partition, log) in (0..).map(Partition).zip(&logs) {
        log.acquire().await.expect("it is taken");
        let records = Topic::ALL.map(|topic| NewRecord { topic, partition, key: None, payload: "{}".into() });
        let transaction = Transaction { records: records.into(), next: Offset(0) };
        assert_eq!(log.commit(transaction).await.expect("it is committed"), CommitOutcome::Committed);
    }
    let after = open().expect("it was there");
    let each = (after.saturating_sub(before)).div_ceil(PARTITIONS as usize);
    let computed = DESCRIPTORS_OF_A_CLIENT + DESCRIPTORS_OF_A_BROKER;
    assert!(each >= 4 && each as u64 <= computed, "{each} of each partition, and {computed} computed");
    assert!(
        after as u64 <= system.bus.descriptors_needed(),
        "{after} of {}",
        system.bus.descriptors_needed()
    );
    membership.leave().await.expect("it leaves");
}
