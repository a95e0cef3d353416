//! Partitions are independent.

use std::future::pending;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::Partition;
use logistics_core::notify::Notification;
use logistics_core::port::{MockNotifier, MockSubscription, Notifier, NotifyError, NotifyErrorKind};
use tokio::time::Instant;

use super::{
    HOME, OTHER, acknowledging, bus, delivery_in, newer, payload, recording, recording_positions, start,
    subscription,
};

use crate::tests::support::{detail, is_ready, until};

#[tokio::test(start_paused = true)]
async fn a_notification_that_always_fails_delays_its_own_partition_only() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let mut notifier = MockNotifier::new();
    notifier
        .expect_notify()
        .withf(|notification| notification.order_id.as_str() == "a")
        .returning(|_| Err(NotifyError::new(NotifyErrorKind::Unavailable, "on purpose")));
    let (notifier, notified) = recording(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    events.send(delivery_in(HOME, 0, vec![payload("a"), payload("behind-a")])).unwrap();
    events.send(delivery_in(HOME, 10, vec![payload("far-behind-a")])).unwrap();
    for n in 0..20 {
        for partition in 0..3 {
            events
                .send(delivery_in(Partition(partition), n * 2, vec![payload(&format!("o-{partition}-{n}"))]))
                .unwrap();
        }
    }
    until("the others are notified", || notified.lock().unwrap().len() == 60).await;
    until("the others are acknowledged", || {
        acknowledged.lock().unwrap().iter().filter(|next| next.0 == 40).count() == 3
    })
    .await;
    assert!(notified.lock().unwrap().iter().all(|name| name.starts_with("o-")));
    assert!(detail(&notifications, "notifier").contains("partition 3 offset 0: on purpose"));
    let began = Instant::now();
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!((report.delivered, report.clean), (60, true));
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn while_a_notifier_hangs_in_one_partition_a_drain_ends_in_time_and_acknowledges_the_others() {
    struct HangsForA;
    #[async_trait]
    impl Notifier for HangsForA {
        async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
            if notification.order_id.as_str() == "a" { pending().await } else { Ok(()) }
        }
    }
    let (mock, recorded) = recording_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), HangsForA);
    events.send(delivery_in(HOME, 0, vec![payload("b"), payload("a")])).unwrap();
    events.send(delivery_in(OTHER, 0, vec![payload("c")])).unwrap();
    until("two are delivered", || notifications.report().delivered == 2).await;
    let began = Instant::now();
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert!(!report.clean, "the hanging notification was cancelled");
    let recorded = recorded.lock().unwrap();
    assert!(recorded.contains(&"3@1".to_owned()) && recorded.contains(&"1@2".to_owned()), "{recorded:?}");
}

#[tokio::test(start_paused = true)]
async fn a_notification_of_a_newer_release_halts_its_partition_and_is_not_skipped() {
    let (mock, recorded) = recording_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let (notifier, notified) = recording(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    events.send(delivery_in(HOME, 0, vec![payload("a"), newer("b"), payload("c")])).unwrap();
    events.send(delivery_in(HOME, 10, vec![payload("d")])).unwrap();
    let foreign =
        String::from_utf8(newer("x").to_vec()).unwrap().replace("/logistics/processor", "/elsewhere");
    events.send(delivery_in(OTHER, 0, vec![Bytes::from(foreign), payload("e")])).unwrap();
    until("the other partition is acknowledged", || recorded.lock().unwrap().contains(&"1@3".to_owned()))
        .await;
    until("the halted partition is acknowledged before the record", || {
        recorded.lock().unwrap().contains(&"3@1".to_owned())
    })
    .await;
    let shown = detail(&notifications, "notifier");
    assert!(
        shown.contains("halted, a newer release wrote the notification at partition 3 offset 1: "),
        "{shown}"
    );
    assert!(shown.contains("dataschema urn:logistics:order:5"), "{shown}");
    assert!(!is_ready(&notifications, "notifier"));
    let mut notified = notified.lock().unwrap().clone();
    notified.sort();
    assert_eq!(notified, ["a", "e"]);
    assert_eq!(notifications.report().undecodable, 1, "a record that no owner wrote is skipped and counted");
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert!(report.clean, "all completed notifications are acknowledged");
    assert!(!recorded.lock().unwrap().iter().any(|what| what == "3@2"));
}
