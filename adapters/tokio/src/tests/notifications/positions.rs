//! Subscriptions and acknowledged positions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use logistics_core::Offset;
use logistics_core::port::{MockNotifier, MockSubscription, NotifyError, NotifyErrorKind, PortErrorKind};
use tokio::time::Instant;

use super::{Slow, acknowledging, bus, delivery, payload, recording, start, subscription};

use crate::tests::support::{detail, error, is_ready, until};

#[tokio::test(start_paused = true)]
async fn a_failed_subscription_is_replaced() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (first, first_deliveries) = subscription(MockSubscription::new());
    let (second, second_deliveries) = subscription(mock);
    let (notifier, notified) = recording(MockNotifier::new());
    first_deliveries.send(Err(error(PortErrorKind::Unavailable))).unwrap();
    first_deliveries.send(Err(error(PortErrorKind::Closed))).unwrap();
    second_deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    let subscriptions = vec![Err(error(PortErrorKind::Refused)), Ok(first), Ok(second)];
    let notifications = start(bus(subscriptions), notifier);
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(2)]).await;
    assert_eq!(*notified.lock().unwrap(), ["a"]);
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_acknowledgement_is_retried() {
    let mut mock = MockSubscription::new();
    mock.expect_acknowledge().times(2).returning(|_, _| Err(error(PortErrorKind::Unavailable)));
    let (mock, acknowledged) = acknowledging(mock);
    let (subscription, deliveries) = subscription(mock);
    let (notifier, notified) = recording(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(2)]).await;
    assert_eq!(notified.lock().unwrap().len(), 1, "only the acknowledgement is repeated");
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn health_shows_a_failed_acknowledgement_until_one_succeeds_even_if_reads_fail_and_recover() {
    let recovered = Arc::new(AtomicBool::new(false));
    let mut mock = MockSubscription::new();
    let asked = recovered.clone();
    mock.expect_acknowledge().returning(move |_, _| match asked.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err(error(PortErrorKind::Unavailable)),
    });
    let (subscription, deliveries) = subscription(mock);
    let (notifier, notified) = recording(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    let what = || detail(&notifications, "notifier");
    until("the acknowledgement fails", || what().contains("acknowledging notifications")).await;

    deliveries.send(Err(error(PortErrorKind::Unavailable))).unwrap();
    until("reads fail too", || what().contains("reading the notifications")).await;
    assert!(what().contains("acknowledging notifications"), "health shows both: {}", what());
    deliveries.send(delivery(2, vec![payload("b")])).unwrap();
    until("reads continue", || notified.lock().unwrap().len() == 2).await;
    assert!(what().contains("acknowledging notifications"), "the acknowledgement still fails: {}", what());
    assert!(!is_ready(&notifications, "notifier"));

    recovered.store(true, Ordering::Relaxed);
    until("ready again", || is_ready(&notifications, "notifier")).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_acknowledges_completed_notifications_only() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    notifier
        .expect_notify()
        .withf(|notification| notification.order_id.as_str() == "b")
        .returning(|_| Err(NotifyError::new(NotifyErrorKind::Unavailable, "on purpose")));
    let (notifier, notified) = recording(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(0, vec![payload("a"), payload("b"), payload("c")])).unwrap();
    until("the second notification is retried", || detail(&notifications, "notifier").contains("offset 1"))
        .await;
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!(*acknowledged.lock().unwrap(), [Offset(1)]);
    assert_eq!((report.delivered, report.clean), (1, true));
    assert_eq!(*notified.lock().unwrap(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn positions_are_acknowledged_during_a_delivery() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let _notifications = start(bus(vec![Ok(subscription)]), Slow);
    let began = Instant::now();
    events.send(delivery(0, (0..10).map(|n| payload(&format!("o-{n}"))).collect())).unwrap();
    for n in 1..10 {
        until("acknowledged", || acknowledged.lock().unwrap().contains(&Offset(n))).await;
        let late = began.elapsed() - Duration::from_secs(n);
        assert!(late < Duration::from_secs(1), "offset {n} is acknowledged {late:?} after its completion");
    }
}
