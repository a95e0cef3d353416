//! Revoked, lost and moved partitions.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use logistics_core::Partition;
use logistics_core::port::{
    MockNotifier, MockSubscription, NotifyError, NotifyErrorKind, PortErrorKind, StartAt, SubscriptionEvent,
    Topic,
};
use logistics_testkit::MemoryBus;
use tokio::time::Instant;

use super::{
    HOME, Hanging, OTHER, Slow, bus, delivery_in, options, payload, recording, recording_positions, start,
    subscription,
};

use crate::tests::support::{detail, error, is_ready, until};
use crate::{Notifications, NotificationsOptions};

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_is_released_behind_its_current_notification() {
    let (mock, recorded) = recording_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), Slow);
    events.send(delivery_in(HOME, 0, vec![payload("a"), payload("b"), payload("c")])).unwrap();
    events.send(delivery_in(OTHER, 0, vec![payload("d"), payload("e")])).unwrap();
    until("the first is delivered", || notifications.report().delivered == 2).await;
    let began = Instant::now();
    events.send(Ok(SubscriptionEvent::Revoked(vec![HOME, Partition(0)]))).unwrap();
    let released = || {
        let recorded = recorded.lock().unwrap();
        recorded.iter().position(|what| what == "released [Partition(3)]")
    };
    until("released", || released().is_some()).await;
    assert!(
        began.elapsed() <= Duration::from_millis(1010),
        "one notification, not three: {:?}",
        began.elapsed()
    );
    let place = released().unwrap();
    let before: Vec<_> = recorded.lock().unwrap()[..place].to_vec();
    assert!(before.contains(&"3@2".to_owned()), "completed notifications are acknowledged first: {before:?}");
    let idle = "released [Partition(0)]".to_owned();
    assert!(before.contains(&idle), "an idle partition is released at once: {before:?}");
    until("the other partition continues", || recorded.lock().unwrap().contains(&"1@3".to_owned())).await;
    // The partition may return, behind its acknowledged position.
    events.send(delivery_in(HOME, 2, vec![payload("c")])).unwrap();
    until("it continues", || recorded.lock().unwrap().contains(&"3@4".to_owned())).await;
    let _ = notifications.drain(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_hangs_delays_a_release_until_the_deadline_only() {
    let (mock, recorded) = recording_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), Hanging(AtomicUsize::new(0)));
    events.send(delivery_in(HOME, 0, vec![payload("a")])).unwrap();
    tokio::task::yield_now().await;
    let began = Instant::now();
    events.send(Ok(SubscriptionEvent::Revoked(vec![HOME]))).unwrap();
    until("released", || *recorded.lock().unwrap() == ["released [Partition(3)]"]).await;
    let waited = began.elapsed().as_millis();
    assert!((3000..3010).contains(&waited), "{waited} ms");
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!((report.delivered, report.clean), (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_lost_partition_is_dropped_at_once_and_the_others_continue() {
    let (mock, recorded) = recording_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), Slow);
    events.send(delivery_in(HOME, 0, vec![payload("a")])).unwrap();
    events.send(delivery_in(OTHER, 0, vec![payload("b")])).unwrap();
    events.send(Ok(SubscriptionEvent::Lost(vec![HOME]))).unwrap();
    until("the other is acknowledged", || *recorded.lock().unwrap() == ["1@2"]).await;
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!((report.delivered, report.clean), (1, true));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_moved_to_another_member_is_dropped_and_the_others_continue() {
    let mut mock = MockSubscription::new();
    mock.expect_acknowledge()
        .withf(|partition, _| *partition == HOME)
        .returning(|_, _| Err(error(PortErrorKind::Closed)));
    let (mock, recorded) = recording_positions(mock);
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), recording(MockNotifier::new()).0);
    events.send(delivery_in(HOME, 0, vec![payload("a")])).unwrap();
    events.send(delivery_in(OTHER, 0, vec![payload("b")])).unwrap();
    until("the other is acknowledged", || *recorded.lock().unwrap() == ["1@2"]).await;
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn partitions_move_between_two_members_while_a_notification_is_retried() {
    let bus = MemoryBus::new(2);
    for partition in [0, 1] {
        bus.with_broker(|broker| {
            broker.append(
                Topic::Notifications,
                Partition(partition),
                None,
                payload(&format!("stuck-{partition}")),
            );
        });
    }
    let options = || NotificationsOptions { from: Some(StartAt::Start), ..options() };
    let mut rejecting = MockNotifier::new();
    rejecting
        .expect_notify()
        .returning(|_| Err(NotifyError::new(NotifyErrorKind::Unavailable, "on purpose")));
    let first = Notifications::start(Arc::new(bus.clone()), Arc::new(rejecting), options());
    until("both notifications are retried", || detail(&first, "notifier").contains("1 more partitions"))
        .await;
    let (notifier, notified) = recording(MockNotifier::new());
    let second = Notifications::start(Arc::new(bus.clone()), Arc::new(notifier), options());
    until("the other member notifies of one", || notified.lock().unwrap().len() == 1).await;
    assert!(!detail(&first, "notifier").contains("more partitions"), "the first has one left");
    assert!(first.drain(Duration::from_secs(1)).await.clean);
    until("the other member notifies of both", || notified.lock().unwrap().len() == 2).await;
    assert!(second.drain(Duration::from_secs(1)).await.clean);
}
