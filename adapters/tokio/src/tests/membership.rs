//! Joining, assignments, releasing and leaving.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use logistics_core::Partition;
use logistics_core::health::HealthProbe;
use logistics_core::port::{CommitOutcome, GroupEvent, MockMembership, MockOwnerStore, PortErrorKind};
use tokio::time::Instant;

use super::support::{
    Fate, Started, TestLog, bus, detail, error, is_ready, member, order_in, owner, part, start, start_with,
    until, with_logs, working,
};

fn one_log() -> Vec<Arc<TestLog>> {
    vec![Arc::new(TestLog::default())]
}

#[tokio::test(start_paused = true)]
async fn a_failed_join_is_retried_with_growing_waits() {
    let logs = one_log();
    let (membership, events) = member(owner(&logs));
    let joins =
        vec![Err(error(PortErrorKind::Unavailable)), Err(error(PortErrorKind::Refused)), Ok(membership)];
    events.send(Ok(GroupEvent::Assigned(vec![Partition(0)]))).unwrap();
    let began = Instant::now();
    let processors = start(bus(1, joins), working(MockOwnerStore::new()).0, 1);
    until("health shows the failure", || detail(&processors, "group").contains("Unavailable on purpose"))
        .await;
    assert!(!processors.health().is_ready());
    until("live", || is_ready(&processors, "partition 0")).await;
    let waited = began.elapsed();
    assert!((300..310).contains(&waited.as_millis()), "100 ms and 200 ms, not {waited:?}");
    assert!(processors.health().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_partition_count_that_differs_from_the_topics_is_rejected() {
    let processors = start(bus(12, Vec::new()), MockOwnerStore::new(), 4);
    let expected = "the topics have 12 partitions, but the settings say 4";
    until("health shows the reason", || detail(&processors, "group").contains(expected)).await;
    assert!(!processors.health().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_member_is_ready_after_the_first_event_even_an_empty_assignment() {
    let (membership, events) = member(owner(&one_log()));
    let processors = start(bus(1, vec![Ok(membership)]), MockOwnerStore::new(), 1);
    until("the member waits", || detail(&processors, "group").contains("awaiting the first assignment"))
        .await;
    assert!(!processors.health().is_ready());
    events.send(Err(error(PortErrorKind::Unavailable))).unwrap();
    until("health shows the failure", || detail(&processors, "group").contains("joining; at ")).await;
    assert!(!processors.health().is_ready());
    events.send(Ok(GroupEvent::Assigned(Vec::new()))).unwrap();
    until("ready", || is_ready(&processors, "group")).await;
    assert!(processors.health().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_membership_whose_error_is_not_retryable_is_replaced() {
    let logs = one_log();
    let (first, first_events) = member(owner(&logs));
    let (second, second_events) = member(owner(&logs));
    let assigned = || Ok(GroupEvent::Assigned(vec![Partition(0)]));
    first_events.send(assigned()).unwrap();
    let processors = start(bus(1, vec![Ok(first), Ok(second)]), working(MockOwnerStore::new()).0, 1);
    until("live", || is_ready(&processors, "partition 0")).await;
    first_events.send(Err(error(PortErrorKind::Closed))).unwrap();
    until("dropped", || part(&processors, "partition 0").is_none()).await;
    assert!(!is_ready(&processors, "group"));
    second_events.send(assigned()).unwrap();
    until("live again", || is_ready(&processors, "partition 0")).await;
    assert_eq!(logs[0].acquisitions(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_group_costs_no_partition() {
    let logs = one_log();
    let started = start_with(owner(&logs), &logs);
    until("live", || is_ready(&started.processors, "partition 0")).await;
    started.events.send(Err(error(PortErrorKind::Unavailable))).unwrap();
    until("health shows the failure", || {
        detail(&started.processors, "group").contains("Unavailable on purpose")
    })
    .await;
    assert!(started.processors.health().is_ready());
    assert_eq!(logs[0].acquisitions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_is_released_within_the_limit_while_its_commit_hangs() {
    let logs = one_log();
    let mut mock = owner(&logs);
    let (sender, mut released) = tokio::sync::mpsc::unbounded_channel();
    mock.expect_release().returning(move |partitions| {
        sender.send(partitions.to_vec()).unwrap();
        Ok(())
    });
    let Started { processors, events, .. } = start_with(mock, &logs);
    logs[0].commits.lock().unwrap().push_back(Fate::Hang);
    logs[0].place("o-1");
    until("committing", || logs[0].committing.load(Ordering::SeqCst) == 1).await;
    let began = Instant::now();
    events.send(Ok(GroupEvent::Revoked(vec![Partition(0)]))).unwrap();
    assert_eq!(released.recv().await, Some(vec![Partition(0)]));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert!(part(&processors, "partition 0").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_with_nothing_open_is_released_at_once() {
    let logs = one_log();
    let mut mock = owner(&logs);
    let (sender, mut released) = tokio::sync::mpsc::unbounded_channel();
    mock.expect_release().returning(move |_| {
        sender.send(()).unwrap();
        Ok(())
    });
    let Started { processors, events, .. } = start_with(mock, &logs);
    until("live", || is_ready(&processors, "partition 0")).await;
    let began = Instant::now();
    events.send(Ok(GroupEvent::Revoked(vec![Partition(0)]))).unwrap();
    released.recv().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_lost_partition_is_dropped_at_once_and_not_released() {
    let logs = one_log();
    // No release is expected, so the mock panics if it is called.
    let Started { processors, events, .. } = start_with(owner(&logs), &logs);
    logs[0].commits.lock().unwrap().push_back(Fate::Hang);
    logs[0].place("o-1");
    until("committing", || logs[0].committing.load(Ordering::SeqCst) == 1).await;
    let began = Instant::now();
    events.send(Ok(GroupEvent::Lost(vec![Partition(0)]))).unwrap();
    until("dropped", || part(&processors, "partition 0").is_none()).await;
    assert!(began.elapsed() < Duration::from_millis(10));
    assert!(is_ready(&processors, "group"));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_the_group_assigned_elsewhere_is_dropped() {
    let logs = one_log();
    let mut mock = MockMembership::new();
    mock.expect_owns().times(1).returning(|_| Ok(false));
    with_logs(&mut mock, &logs);
    logs[0].commits.lock().unwrap().push_back(Fate::Answer(Ok(CommitOutcome::Fenced)));
    let started = start_with(mock, &logs);
    logs[0].place("o-1");
    until("fenced", || logs[0].committing.load(Ordering::SeqCst) == 1).await;
    until("dropped", || part(&started.processors, "partition 0").is_none()).await;
    assert_eq!((logs[0].acquisitions(), logs[0].facts()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_drain_brings_the_store_up_to_date_and_leaves() {
    let logs = one_log();
    let mut mock = owner(&logs);
    mock.expect_leave().times(1).returning(|| Ok(()));
    let Started { processors, stored, .. } = start_with(mock, &logs);
    until("live", || is_ready(&processors, "partition 0")).await;
    // The drain begins while the transaction is open, before its store write.
    let late = Fate::Late(Duration::from_millis(500), CommitOutcome::Committed);
    logs[0].commits.lock().unwrap().push_back(late);
    logs[0].place("o-1");
    until("committing", || logs[0].committing.load(Ordering::SeqCst) == 1).await;
    let report = processors.drain(Duration::from_secs(5)).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.drained, [Partition(0)]);
    let stored = stored.lock().unwrap();
    assert_eq!(stored[&Partition(0)].documents.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_returns_within_its_deadline_while_a_commit_hangs() {
    let logs = vec![Arc::new(TestLog::default()), Arc::new(TestLog::default())];
    let mut mock = owner(&logs);
    mock.expect_leave().times(1).returning(|| Ok(()));
    let Started { processors, .. } = start_with(mock, &logs);
    logs[1].commits.lock().unwrap().push_back(Fate::Hang);
    logs[1].place(&order_in(1, 2));
    until("committing", || logs[1].committing.load(Ordering::SeqCst) == 1).await;
    let began = Instant::now();
    let report = processors.drain(Duration::from_secs(3)).await;
    assert!(began.elapsed() <= Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!((report.drained, report.cut_off, report.left), (vec![Partition(0)], vec![Partition(1)], true));
}

#[tokio::test(start_paused = true)]
async fn a_drain_before_the_first_join_has_nothing_to_do() {
    let processors = start(bus(1, Vec::new()), MockOwnerStore::new(), 1);
    until("a failed join", || detail(&processors, "group").contains("joining again")).await;
    assert!(processors.drain(Duration::from_secs(3)).await.is_clean());
}
