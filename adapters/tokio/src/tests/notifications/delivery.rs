//! Deliveries, retries and skipped records.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use logistics_core::Offset;
use logistics_core::port::{MockNotifier, MockSubscription, NotifyError, NotifyErrorKind};
use tokio::time::Instant;

use super::{Hanging, acknowledging, bus, delivery, failing, payload, recording, start, subscription};

use crate::NotificationsReport;
use crate::partition_delivery::RETRY_AFTER_MS_MAX;
use crate::tests::support::{detail, is_ready, until, until_within};

#[tokio::test(start_paused = true)]
async fn a_batch_is_delivered_in_order_and_acknowledged_once() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let (notifier, notified) = recording(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(7, vec![payload("a"), payload("b")])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(10)]).await;
    assert_eq!(*notified.lock().unwrap(), ["a", "b"]);
    assert_eq!(detail(&notifications, "notifier"), "delivering; 2 delivered");
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!(report, NotificationsReport { delivered: 2, clean: true, ..report });
}

#[tokio::test(start_paused = true)]
async fn a_retryable_failure_is_retried_and_later_notifications_wait() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    failing(&mut notifier, "a", 6, NotifyErrorKind::Unavailable);
    let (notifier, notified) = recording(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    let began = Instant::now();
    deliveries.send(delivery(0, vec![payload("a"), payload("b")])).unwrap();
    until("health shows the failure", || {
        detail(&notifications, "notifier").contains("partition 3 offset 0: on purpose")
    })
    .await;
    assert!(!is_ready(&notifications, "notifier"));
    assert!(notified.lock().unwrap().is_empty());
    until("acknowledged", || !acknowledged.lock().unwrap().is_empty()).await;
    let waited = began.elapsed().as_millis();
    assert!((3500..3510).contains(&waited), "100, 200, 400, 800, 1000 and 1000 ms, not {waited}");
    assert_eq!(*notified.lock().unwrap(), ["a", "b"]);
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_the_retry_after_up_to_its_limit() {
    for (retry_after_ms, expected_ms) in
        [(0, 100), (50, 100), (20_000, 20_000), (u64::MAX, RETRY_AFTER_MS_MAX)]
    {
        let (mock, acknowledged) = acknowledging(MockSubscription::new());
        let (subscription, deliveries) = subscription(mock);
        let mut notifier = MockNotifier::new();
        let limited = NotifyError::new(NotifyErrorKind::RateLimited, "on purpose");
        notifier
            .expect_notify()
            .times(1)
            .returning(move |_| Err(limited.clone().with_retry_after_ms(retry_after_ms)));
        let (notifier, _) = recording(notifier);
        let notifications = start(bus(vec![Ok(subscription)]), notifier);
        let began = Instant::now();
        deliveries.send(delivery(0, vec![payload("a")])).unwrap();
        until_within(2 * RETRY_AFTER_MS_MAX, "delivered", || notifications.report().delivered == 1).await;
        let waited = u64::try_from(began.elapsed().as_millis()).unwrap();
        assert!((expected_ms..expected_ms + 10).contains(&waited), "{retry_after_ms}: {waited} ms");
        until("acknowledged", || !acknowledged.lock().unwrap().is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn undeliverable_notifications_are_counted_and_skipped() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    failing(&mut notifier, "a", 1, NotifyErrorKind::Rejected);
    notifier
        .expect_notify()
        .withf(|notification| notification.order_id.as_str() == "b")
        .times(1)
        .returning(|_| panic!("on purpose"));
    let (notifier, notified) = recording(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    let broken = Bytes::from_static(b"{}");
    deliveries.send(delivery(0, vec![payload("a"), payload("b"), broken, payload("c")])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(5)]).await;
    assert_eq!(*notified.lock().unwrap(), ["c"]);
    let expected =
        NotificationsReport { delivered: 1, undeliverable: 2, undecodable: 1, gone: 0, clean: false };
    assert_eq!(notifications.report(), expected);
    let detail = detail(&notifications, "notifier");
    assert!(detail.contains("3 skipped, the latest: partition 3 offset 2:"), "{detail}");
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_does_not_answer_is_called_again() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), Hanging(AtomicUsize::new(0)));
    deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    until("health shows the failure", || {
        detail(&notifications, "notifier").contains("did not answer within 5000 ms")
    })
    .await;
    until("acknowledged", || !acknowledged.lock().unwrap().is_empty()).await;
    assert_eq!(notifications.report().delivered, 1);
}
