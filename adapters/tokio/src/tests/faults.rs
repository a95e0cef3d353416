//! Failures of the log, the store and the code: each affects its own partition only.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use logistics_core::Partition;
use logistics_core::health::HealthProbe;
use logistics_core::port::{CommitOutcome, GroupEvent, MockOwnerStore, PortErrorKind};

use super::support::{
    Fate, Started, TestLog, bus, detail, error, is_ready, member, order_in, owner, part, start, start_with,
    until, working,
};

fn logs(count: usize) -> Vec<Arc<TestLog>> {
    (0..count).map(|_| Arc::new(TestLog::default())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_acquisition_is_retried() {
    let logs = logs(1);
    let unavailable = || Fate::Answer(Err(PortErrorKind::Unavailable));
    logs[0].acquires.lock().unwrap().extend([unavailable(), unavailable()]);
    let Started { processors, .. } = start_with(owner(&logs), &logs);
    let expected = "waiting since 2025-11-24T";
    until("health shows the wait and the cause", || {
        let detail = detail(&processors, "partition 0");
        detail.starts_with(expected) && detail.contains("Unavailable on purpose")
    })
    .await;
    until("live", || is_ready(&processors, "partition 0")).await;
    assert_eq!((logs[0].acquisitions(), detail(&processors, "partition 0").as_str()), (3, "live"));
}

#[tokio::test(start_paused = true)]
async fn an_acquisition_that_hangs_counts_as_failed() {
    let logs = logs(1);
    logs[0].acquires.lock().unwrap().push_back(Fate::Hang);
    let Started { processors, .. } = start_with(owner(&logs), &logs);
    let expected = "no answer to partition_log.acquire within 5000 ms";
    until("health shows the failure", || detail(&processors, "partition 0").contains(expected)).await;
    until("live", || is_ready(&processors, "partition 0")).await;
}

#[tokio::test(start_paused = true)]
async fn after_an_unknown_or_hanging_commit_the_driver_acquires_again_and_decides_once() {
    let unknown = || Fate::Answer(Ok(CommitOutcome::Unknown));
    let failed = || Fate::Answer(Err(PortErrorKind::Unavailable));
    for fate in [unknown(), failed(), Fate::Hang] {
        let logs = logs(1);
        logs[0].commits.lock().unwrap().push_back(fate);
        let Started { processors, stored, .. } = start_with(owner(&logs), &logs);
        logs[0].place("o-1");
        until("decided", || logs[0].facts() == 1).await;
        assert_eq!(logs[0].acquisitions(), 2);
        until("stored", || stored.lock().unwrap()[&Partition(0)].documents.len() == 1).await;
        until("live", || is_ready(&processors, "partition 0")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_driver_waits_for_a_store_that_is_down() {
    let logs = logs(1);
    let mut store = MockOwnerStore::new();
    store.expect_recover().times(3).returning(|_| Err(error(PortErrorKind::Unavailable)));
    let (membership, events) = member(owner(&logs));
    events.send(Ok(GroupEvent::Assigned(vec![Partition(0)]))).unwrap();
    let processors = start(bus(1, vec![Ok(membership)]), working(store).0, 1);
    until("health shows the failure", || {
        detail(&processors, "partition 0").contains("Unavailable on purpose")
    })
    .await;
    assert!(!processors.health().is_ready());
    until("live", || is_ready(&processors, "partition 0")).await;
    assert_eq!(logs[0].acquisitions(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_failed_store_write_loses_nothing() {
    let logs = logs(1);
    let Started { processors, stored, .. } = start_with(owner(&logs), &logs);
    until("live", || is_ready(&processors, "partition 0")).await;
    stored.lock().unwrap().get_mut(&Partition(0)).unwrap().fail_next_write = true;
    logs[0].place("o-1");
    until("stored", || stored.lock().unwrap()[&Partition(0)].documents.len() == 1).await;
    assert_eq!((logs[0].facts(), logs[0].acquisitions()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_port_halts_that_partition_only() {
    let logs = logs(3);
    logs[0].acquires.lock().unwrap().push_back(Fate::Panic);
    logs[1].commits.lock().unwrap().push_back(Fate::Panic);
    let mut mock = owner(&logs);
    mock.expect_release().times(1).returning(|_| Ok(()));
    let Started { processors, events, stored } = start_with(mock, &logs);
    logs[1].place(&order_in(1, 3));
    logs[2].place(&order_in(2, 3));
    for name in ["partition 0", "partition 1"] {
        until("halted", || detail(&processors, name).starts_with("halted since 2025-11-24T")).await;
        assert!(detail(&processors, name).contains("a panic: on purpose"));
        assert!(!is_ready(&processors, name));
    }
    until("the third partition continues", || {
        stored.lock().unwrap().get(&Partition(2)).is_some_and(|stored| stored.documents.len() == 1)
    })
    .await;
    assert!(is_ready(&processors, "partition 2"));
    assert!(!processors.health().is_ready());

    events.send(Ok(GroupEvent::Revoked(vec![Partition(0)]))).unwrap();
    until("a halted partition can be released", || part(&processors, "partition 0").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_store_halts_that_partition_only() {
    let logs = logs(2);
    let mut store = MockOwnerStore::new();
    store
        .expect_write()
        .withf(|write| write.partition == Partition(0))
        .times(1)
        .returning(|_| panic!("on purpose"));
    let (membership, events) = member(owner(&logs));
    events.send(Ok(GroupEvent::Assigned(vec![Partition(0), Partition(1)]))).unwrap();
    let processors = start(bus(2, vec![Ok(membership)]), working(store).0, 2);
    until("halted", || detail(&processors, "partition 0").contains("a panic: on purpose")).await;
    until("live", || is_ready(&processors, "partition 1")).await;
    assert_eq!(logs[0].committing.load(Ordering::SeqCst), 0);
}
