//! The notification service: what is delivered, tried again, passed by and acknowledged.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::notify::Notification;
use logistics_core::port::{
    Batch, Delivery, LogRecord, MockEventBus, MockNotifier, MockSubscription, Notifier, NotifyError,
    PortError, PortErrorKind, Subscription, Topic,
};
use logistics_core::{Offset, OrderId, Partition, Status, Timestamp, Version, wire};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::support::{BACKOFF, detail, error, is_ready, until};
use crate::{Notifications, NotificationsOptions, NotificationsReport};

type Delivered = Result<Delivery, PortError>;
type Acknowledged = Arc<Mutex<Vec<Offset>>>;

/// A subscription whose deliveries come from the test.
struct TestSubscription {
    mock: MockSubscription,
    deliveries: mpsc::UnboundedReceiver<Delivered>,
}

#[async_trait]
impl Subscription for TestSubscription {
    async fn next(&mut self) -> Delivered {
        match self.deliveries.recv().await {
            Some(delivery) => delivery,
            None => pending().await,
        }
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        self.mock.acknowledge(partition, next).await
    }
}

fn acknowledging(mut mock: MockSubscription) -> (MockSubscription, Acknowledged) {
    let acknowledged = Acknowledged::default();
    let noted = acknowledged.clone();
    mock.expect_acknowledge().returning(move |_, next| {
        noted.lock().unwrap().push(next);
        Ok(())
    });
    (mock, acknowledged)
}

fn subscription(mock: MockSubscription) -> (Box<dyn Subscription>, mpsc::UnboundedSender<Delivered>) {
    let (sender, deliveries) = mpsc::unbounded_channel();
    (Box::new(TestSubscription { mock, deliveries }), sender)
}

fn bus(subscriptions: Vec<Result<Box<dyn Subscription>, PortError>>) -> MockEventBus {
    let mut mock = MockEventBus::new();
    let mut subscriptions = VecDeque::from(subscriptions);
    mock.expect_subscribe()
        .withf(|topic, group, _| *topic == Topic::Notifications && group == "notification-service")
        .returning(move |_, _, _| {
            subscriptions.pop_front().unwrap_or_else(|| Err(error(PortErrorKind::Unavailable)))
        });
    mock
}

fn payload(name: &str) -> Bytes {
    wire::encode_notification(&Notification {
        order_id: OrderId::parse(name).unwrap(),
        status: Status::Confirmed,
        version: Version(2),
        at: Timestamp::default(),
        audiences: Vec::new(),
        text: format!("Order {name} is now CONFIRMED"),
    })
}

fn delivery(from: u64, payloads: Vec<Bytes>) -> Delivered {
    let records: Vec<LogRecord> = (from..)
        .zip(payloads)
        .map(|(offset, payload)| LogRecord {
            offset: Offset(offset),
            key: None,
            payload,
            headers: Vec::new(),
            at: Timestamp::default(),
        })
        .collect();
    // A transaction's marker stands behind the records.
    let next = Offset(from + records.len() as u64 + 1);
    Ok(Delivery { partition: Partition(3), batch: Batch { records, next } })
}

fn options() -> NotificationsOptions {
    NotificationsOptions {
        notify_timeout_ms: 5000,
        notify_backoff: BACKOFF,
        subscribe_backoff: BACKOFF,
        ..NotificationsOptions::default()
    }
}

fn start(bus: MockEventBus, notifier: impl Notifier + 'static) -> Notifications {
    Notifications::start(Arc::new(bus), Arc::new(notifier), options())
}

/// Notes what it is given, after what it is told to do first.
fn noting(mut mock: MockNotifier) -> (MockNotifier, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let noted = told.clone();
    mock.expect_notify().returning(move |notification| {
        noted.lock().unwrap().push(notification.order_id.to_string());
        Ok(())
    });
    (mock, told)
}

fn failing(mock: &mut MockNotifier, name: &'static str, times: usize, retryable: bool) {
    mock.expect_notify()
        .withf(move |notification| notification.order_id.as_str() == name)
        .times(times)
        .returning(move |_| Err(NotifyError { retryable, message: "on purpose".to_owned() }));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_delivered_in_order_and_acknowledged_once() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let (notifier, told) = noting(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(7, vec![payload("a"), payload("b")])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(10)]).await;
    assert_eq!(*told.lock().unwrap(), ["a", "b"]);
    assert_eq!(detail(&notifications, "notifier"), "delivering; 2 delivered");
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!(report, NotificationsReport { delivered: 2, clean: true, ..report });
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_until_it_does_and_the_next_ones_wait() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    failing(&mut notifier, "a", 6, true);
    let (notifier, told) = noting(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    let began = Instant::now();
    deliveries.send(delivery(0, vec![payload("a"), payload("b")])).unwrap();
    until("shown", || detail(&notifications, "notifier").contains("partition 3 offset 0: on purpose")).await;
    assert!(!is_ready(&notifications, "notifier"));
    assert!(told.lock().unwrap().is_empty());
    until("acknowledged", || !acknowledged.lock().unwrap().is_empty()).await;
    let waited = began.elapsed().as_millis();
    assert!((3500..3510).contains(&waited), "100, 200, 400, 800, 1000 and 1000 ms, not {waited}");
    assert_eq!(*told.lock().unwrap(), ["a", "b"]);
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_delivered_is_counted_and_passed_by() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    failing(&mut notifier, "a", 1, false);
    notifier
        .expect_notify()
        .withf(|notification| notification.order_id.as_str() == "b")
        .times(1)
        .returning(|_| panic!("on purpose"));
    let (notifier, told) = noting(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    let broken = Bytes::from_static(b"{}");
    deliveries.send(delivery(0, vec![payload("a"), payload("b"), broken, payload("c")])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(5)]).await;
    assert_eq!(*told.lock().unwrap(), ["c"]);
    let expected = NotificationsReport { delivered: 1, undeliverable: 2, undecodable: 1, clean: false };
    assert_eq!(notifications.report(), expected);
    let detail = detail(&notifications, "notifier");
    assert!(detail.contains("3 passed by, the latest: partition 3 offset 2:"), "{detail}");
    assert!(is_ready(&notifications, "notifier"));
}

/// Hangs at first.
struct Hanging(AtomicUsize);

#[async_trait]
impl Notifier for Hanging {
    async fn notify(&self, _: &Notification) -> Result<(), NotifyError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => pending().await,
            _ => Ok(()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_does_not_answer_is_asked_again() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), Hanging(AtomicUsize::new(0)));
    deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    until("shown", || detail(&notifications, "notifier").contains("did not answer within 5000 ms")).await;
    until("acknowledged", || !acknowledged.lock().unwrap().is_empty()).await;
    assert_eq!(notifications.report().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_subscription_is_made_again() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (first, first_deliveries) = subscription(MockSubscription::new());
    let (second, second_deliveries) = subscription(mock);
    let (notifier, told) = noting(MockNotifier::new());
    first_deliveries.send(Err(error(PortErrorKind::Unavailable))).unwrap();
    first_deliveries.send(Err(error(PortErrorKind::Closed))).unwrap();
    second_deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    let subscriptions = vec![Err(error(PortErrorKind::Refused)), Ok(first), Ok(second)];
    let notifications = start(bus(subscriptions), notifier);
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(2)]).await;
    assert_eq!(*told.lock().unwrap(), ["a"]);
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_acknowledgement_is_made_again() {
    let mut mock = MockSubscription::new();
    mock.expect_acknowledge().times(2).returning(|_, _| Err(error(PortErrorKind::Unavailable)));
    let (mock, acknowledged) = acknowledging(mock);
    let (subscription, deliveries) = subscription(mock);
    let (notifier, told) = noting(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(2)]).await;
    assert_eq!(told.lock().unwrap().len(), 1, "only the acknowledgement is repeated");
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn a_drain_acknowledges_what_is_done_and_no_more() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    notifier
        .expect_notify()
        .withf(|notification| notification.order_id.as_str() == "b")
        .returning(|_| Err(NotifyError { retryable: true, message: "on purpose".to_owned() }));
    let (notifier, told) = noting(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(0, vec![payload("a"), payload("b"), payload("c")])).unwrap();
    until("stuck at the second", || detail(&notifications, "notifier").contains("offset 1")).await;
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!(*acknowledged.lock().unwrap(), [Offset(1)]);
    assert_eq!((report.delivered, report.clean), (1, true));
    assert_eq!(*told.lock().unwrap(), ["a"]);
}
