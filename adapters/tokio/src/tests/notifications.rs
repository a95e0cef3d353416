//! The notification service: what is delivered, retried, skipped and acknowledged.

use std::collections::{BTreeSet, VecDeque};
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::notify::Notification;
use logistics_core::port::{
    Batch, Delivery, LogRecord, MockEventBus, MockNotifier, MockSubscription, Notifier, NotifyError,
    NotifyErrorKind, PortError, PortErrorKind, ReadLimit, StartAt, Subscription, SubscriptionEvent, Topic,
};
use logistics_core::{Offset, OrderId, Partition, Status, Timestamp, Version, wire};
use logistics_testkit::{Broker, MemoryBus};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::support::{BACKOFF, detail, error, is_ready, until, until_within};
use crate::partition_delivery::RETRY_AFTER_MS_MAX;
use crate::{Notifications, NotificationsOptions, NotificationsReport};

type Event = Result<SubscriptionEvent, PortError>;
type Acknowledged = Arc<Mutex<Vec<Offset>>>;

/// A subscription whose events come from the test. Records of held partitions wait, as they do in every adapter.
struct TestSubscription {
    mock: MockSubscription,
    events: mpsc::UnboundedReceiver<Event>,
    waiting: VecDeque<Event>,
}

#[async_trait]
impl Subscription for TestSubscription {
    async fn next(&mut self, limit: ReadLimit, held: &BTreeSet<Partition>) -> Event {
        assert!(limit.records > 0 && limit.bytes > 0);
        let is_held = |event: &Event| match event {
            Ok(SubscriptionEvent::Records(delivery)) => held.contains(&delivery.partition),
            _ => false,
        };
        loop {
            if let Some(place) = self.waiting.iter().position(|event| !is_held(event)) {
                return self.waiting.remove(place).unwrap();
            }
            match self.events.recv().await {
                Some(event) => self.waiting.push_back(event),
                None => pending().await,
            }
        }
    }

    async fn release(&mut self, partitions: &[Partition]) -> Result<(), PortError> {
        self.mock.release(partitions).await
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

fn subscription(mock: MockSubscription) -> (Box<dyn Subscription>, mpsc::UnboundedSender<Event>) {
    let (sender, events) = mpsc::unbounded_channel();
    (Box::new(TestSubscription { mock, events, waiting: VecDeque::new() }), sender)
}

fn bus(subscriptions: Vec<Result<Box<dyn Subscription>, PortError>>) -> MockEventBus {
    let mut mock = MockEventBus::new();
    mock.expect_partitions().return_const(4_u32);
    let mut subscriptions = VecDeque::from(subscriptions);
    mock.expect_subscribe()
        .withf(|topic, group, from| {
            *topic == Topic::Notifications && group == "notification-service" && *from == StartAt::End
        })
        .returning(move |_, _, _| {
            subscriptions.pop_front().unwrap_or_else(|| Err(error(PortErrorKind::Unavailable)))
        });
    mock
}

pub(super) fn payload(name: &str) -> Bytes {
    let order_id = OrderId::parse(name).unwrap();
    wire::encode_notification(&Notification::new(
        order_id,
        Version(2),
        Status::Confirmed,
        Timestamp::default(),
    ))
}

fn delivery(from: u64, payloads: Vec<Bytes>) -> Event {
    delivery_in(Partition(3), from, payloads)
}

fn delivery_in(partition: Partition, from: u64, payloads: Vec<Bytes>) -> Event {
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
    Ok(SubscriptionEvent::Records(Delivery { partition, batch: Batch { records, next } }))
}

pub(super) fn options() -> NotificationsOptions {
    NotificationsOptions {
        from: Some(StartAt::End),
        notify_timeout_ms: 5000,
        notify_backoff: BACKOFF,
        subscribe_backoff: BACKOFF,
        ..NotificationsOptions::default()
    }
}

fn start(bus: MockEventBus, notifier: impl Notifier + 'static) -> Notifications {
    Notifications::start(Arc::new(bus), Arc::new(notifier), options())
}

/// Notes what it is given, after what is expected first.
pub(super) fn noting(mut mock: MockNotifier) -> (MockNotifier, Arc<Mutex<Vec<String>>>) {
    let notified = Arc::new(Mutex::new(Vec::new()));
    let noted = notified.clone();
    mock.expect_notify().returning(move |notification| {
        noted.lock().unwrap().push(notification.order_id.to_string());
        Ok(())
    });
    (mock, notified)
}

fn failing(mock: &mut MockNotifier, name: &'static str, times: usize, kind: NotifyErrorKind) {
    mock.expect_notify()
        .withf(move |notification| notification.order_id.as_str() == name)
        .times(times)
        .returning(move |_| Err(NotifyError::new(kind, "on purpose")));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_delivered_in_order_and_acknowledged_once() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let (notifier, notified) = noting(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(7, vec![payload("a"), payload("b")])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(10)]).await;
    assert_eq!(*notified.lock().unwrap(), ["a", "b"]);
    assert_eq!(detail(&notifications, "notifier"), "delivering; 2 delivered");
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!(report, NotificationsReport { delivered: 2, clean: true, ..report });
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_until_it_does_and_the_next_ones_wait() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    failing(&mut notifier, "a", 6, NotifyErrorKind::Unavailable);
    let (notifier, notified) = noting(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    let began = Instant::now();
    deliveries.send(delivery(0, vec![payload("a"), payload("b")])).unwrap();
    until("shown", || detail(&notifications, "notifier").contains("partition 3 offset 0: on purpose")).await;
    assert!(!is_ready(&notifications, "notifier"));
    assert!(notified.lock().unwrap().is_empty());
    until("acknowledged", || !acknowledged.lock().unwrap().is_empty()).await;
    let waited = began.elapsed().as_millis();
    assert!((3500..3510).contains(&waited), "100, 200, 400, 800, 1000 and 1000 ms, not {waited}");
    assert_eq!(*notified.lock().unwrap(), ["a", "b"]);
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_as_long_as_the_other_side_says_within_its_bound() {
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
        let (notifier, _) = noting(notifier);
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
async fn what_can_never_be_delivered_is_counted_and_skipped() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    failing(&mut notifier, "a", 1, NotifyErrorKind::Rejected);
    notifier
        .expect_notify()
        .withf(|notification| notification.order_id.as_str() == "b")
        .times(1)
        .returning(|_| panic!("on purpose"));
    let (notifier, notified) = noting(notifier);
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
    let (notifier, notified) = noting(MockNotifier::new());
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
async fn a_failed_acknowledgement_is_made_again() {
    let mut mock = MockSubscription::new();
    mock.expect_acknowledge().times(2).returning(|_, _| Err(error(PortErrorKind::Unavailable)));
    let (mock, acknowledged) = acknowledging(mock);
    let (subscription, deliveries) = subscription(mock);
    let (notifier, notified) = noting(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    until("acknowledged", || *acknowledged.lock().unwrap() == [Offset(2)]).await;
    assert_eq!(notified.lock().unwrap().len(), 1, "only the acknowledgement is repeated");
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_acknowledgement_shows_until_one_succeeds_whatever_reading_does_meanwhile() {
    let recovered = Arc::new(AtomicBool::new(false));
    let mut mock = MockSubscription::new();
    let asked = recovered.clone();
    mock.expect_acknowledge().returning(move |_, _| match asked.load(Ordering::Relaxed) {
        true => Ok(()),
        false => Err(error(PortErrorKind::Unavailable)),
    });
    let (subscription, deliveries) = subscription(mock);
    let (notifier, notified) = noting(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(0, vec![payload("a")])).unwrap();
    let what = || detail(&notifications, "notifier");
    until("the acknowledgement fails", || what().contains("acknowledging notifications")).await;

    deliveries.send(Err(error(PortErrorKind::Unavailable))).unwrap();
    until("reading fails too", || what().contains("reading the notifications")).await;
    assert!(what().contains("acknowledging notifications"), "both show: {}", what());
    deliveries.send(delivery(2, vec![payload("b")])).unwrap();
    until("reading goes on", || notified.lock().unwrap().len() == 2).await;
    assert!(what().contains("acknowledging notifications"), "it fails still: {}", what());
    assert!(!is_ready(&notifications, "notifier"));

    recovered.store(true, Ordering::Relaxed);
    until("ready again", || is_ready(&notifications, "notifier")).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_acknowledges_what_is_done_and_no_more() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, deliveries) = subscription(mock);
    let mut notifier = MockNotifier::new();
    notifier
        .expect_notify()
        .withf(|notification| notification.order_id.as_str() == "b")
        .returning(|_| Err(NotifyError::new(NotifyErrorKind::Unavailable, "on purpose")));
    let (notifier, notified) = noting(notifier);
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    deliveries.send(delivery(0, vec![payload("a"), payload("b"), payload("c")])).unwrap();
    until("stuck at the second", || detail(&notifications, "notifier").contains("offset 1")).await;
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!(*acknowledged.lock().unwrap(), [Offset(1)]);
    assert_eq!((report.delivered, report.clean), (1, true));
    assert_eq!(*notified.lock().unwrap(), ["a"]);
}

const HOME: Partition = Partition(3);
const OTHER: Partition = Partition(1);

/// Notes positions with their partitions, and what is released, in one order.
fn noting_positions(mut mock: MockSubscription) -> (MockSubscription, Arc<Mutex<Vec<String>>>) {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let (acknowledged, released) = (noted.clone(), noted.clone());
    mock.expect_acknowledge().returning(move |partition, next| {
        acknowledged.lock().unwrap().push(format!("{partition}@{next}"));
        Ok(())
    });
    mock.expect_release().returning(move |partitions| {
        released.lock().unwrap().push(format!("released {partitions:?}"));
        Ok(())
    });
    (mock, noted)
}

/// The payload of a notification that a newer release wrote.
fn newer(name: &str) -> Bytes {
    let text = String::from_utf8(payload(name).to_vec()).unwrap();
    let newer = text.replace("urn:logistics:order:1", "urn:logistics:order:2");
    assert_ne!(text, newer);
    Bytes::from(newer)
}

#[tokio::test(start_paused = true)]
async fn a_notification_that_fails_for_ever_keeps_its_own_partition_waiting_and_no_other() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let mut notifier = MockNotifier::new();
    notifier
        .expect_notify()
        .withf(|notification| notification.order_id.as_str() == "a")
        .returning(|_| Err(NotifyError::new(NotifyErrorKind::Unavailable, "on purpose")));
    let (notifier, notified) = noting(notifier);
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
async fn a_notifier_that_hangs_in_one_partition_ends_a_drain_in_time_with_the_others_acknowledged() {
    struct HangsForA;
    #[async_trait]
    impl Notifier for HangsForA {
        async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
            if notification.order_id.as_str() == "a" { pending().await } else { Ok(()) }
        }
    }
    let (mock, noted) = noting_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), HangsForA);
    events.send(delivery_in(HOME, 0, vec![payload("b"), payload("a")])).unwrap();
    events.send(delivery_in(OTHER, 0, vec![payload("c")])).unwrap();
    until("two are delivered", || notifications.report().delivered == 2).await;
    let began = Instant::now();
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert!(!report.clean, "the notification that hangs was cut off");
    let noted = noted.lock().unwrap();
    assert!(noted.contains(&"3@1".to_owned()) && noted.contains(&"1@2".to_owned()), "{noted:?}");
}

/// Answers each after a second.
struct Slow;

#[async_trait]
impl Notifier for Slow {
    async fn notify(&self, _: &Notification) -> Result<(), NotifyError> {
        sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn positions_are_acknowledged_in_the_midst_of_a_delivery() {
    let (mock, acknowledged) = acknowledging(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let _notifications = start(bus(vec![Ok(subscription)]), Slow);
    let began = Instant::now();
    events.send(delivery(0, (0..10).map(|n| payload(&format!("o-{n}"))).collect())).unwrap();
    for n in 1..10 {
        until("acknowledged", || acknowledged.lock().unwrap().contains(&Offset(n))).await;
        let late = began.elapsed() - Duration::from_secs(n);
        assert!(late < Duration::from_secs(1), "offset {n} is acknowledged {late:?} after it was done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_is_handed_over_behind_the_notification_under_way() {
    let (mock, noted) = noting_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), Slow);
    events.send(delivery_in(HOME, 0, vec![payload("a"), payload("b"), payload("c")])).unwrap();
    events.send(delivery_in(OTHER, 0, vec![payload("d"), payload("e")])).unwrap();
    until("the first is delivered", || notifications.report().delivered == 2).await;
    let began = Instant::now();
    events.send(Ok(SubscriptionEvent::Revoked(vec![HOME, Partition(0)]))).unwrap();
    let released = || {
        let noted = noted.lock().unwrap();
        noted.iter().position(|what| what == "released [Partition(3)]")
    };
    until("released", || released().is_some()).await;
    assert!(
        began.elapsed() <= Duration::from_millis(1010),
        "one notification, not three: {:?}",
        began.elapsed()
    );
    let place = released().unwrap();
    let before: Vec<_> = noted.lock().unwrap()[..place].to_vec();
    assert!(before.contains(&"3@2".to_owned()), "what is done is acknowledged first: {before:?}");
    let idle = "released [Partition(0)]".to_owned();
    assert!(before.contains(&idle), "what has no work is released at once: {before:?}");
    until("the other partition goes on", || noted.lock().unwrap().contains(&"1@3".to_owned())).await;
    // It may come back, behind what was acknowledged.
    events.send(delivery_in(HOME, 2, vec![payload("c")])).unwrap();
    until("it goes on", || noted.lock().unwrap().contains(&"3@4".to_owned())).await;
    let _ = notifications.drain(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_hangs_holds_a_handover_up_no_longer_than_its_bound() {
    let (mock, noted) = noting_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), Hanging(AtomicUsize::new(0)));
    events.send(delivery_in(HOME, 0, vec![payload("a")])).unwrap();
    tokio::task::yield_now().await;
    let began = Instant::now();
    events.send(Ok(SubscriptionEvent::Revoked(vec![HOME]))).unwrap();
    until("released", || *noted.lock().unwrap() == ["released [Partition(3)]"]).await;
    let waited = began.elapsed().as_millis();
    assert!((3000..3010).contains(&waited), "{waited} ms");
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!((report.delivered, report.clean), (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_lost_partition_is_dropped_at_once_and_the_others_go_on() {
    let (mock, noted) = noting_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), Slow);
    events.send(delivery_in(HOME, 0, vec![payload("a")])).unwrap();
    events.send(delivery_in(OTHER, 0, vec![payload("b")])).unwrap();
    events.send(Ok(SubscriptionEvent::Lost(vec![HOME]))).unwrap();
    until("the other is acknowledged", || *noted.lock().unwrap() == ["1@2"]).await;
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert_eq!((report.delivered, report.clean), (1, true));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_another_members_by_now_is_given_up_and_the_others_go_on() {
    let mut mock = MockSubscription::new();
    mock.expect_acknowledge()
        .withf(|partition, _| *partition == HOME)
        .returning(|_, _| Err(error(PortErrorKind::Closed)));
    let (mock, noted) = noting_positions(mock);
    let (subscription, events) = subscription(mock);
    let notifications = start(bus(vec![Ok(subscription)]), noting(MockNotifier::new()).0);
    events.send(delivery_in(HOME, 0, vec![payload("a")])).unwrap();
    events.send(delivery_in(OTHER, 0, vec![payload("b")])).unwrap();
    until("the other is acknowledged", || *noted.lock().unwrap() == ["1@2"]).await;
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_release_wrote_halts_its_partition_and_is_not_skipped() {
    let (mock, noted) = noting_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let (notifier, notified) = noting(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    events.send(delivery_in(HOME, 0, vec![payload("a"), newer("b"), payload("c")])).unwrap();
    events.send(delivery_in(HOME, 10, vec![payload("d")])).unwrap();
    let foreign =
        String::from_utf8(newer("x").to_vec()).unwrap().replace("/logistics/processor", "/elsewhere");
    events.send(delivery_in(OTHER, 0, vec![Bytes::from(foreign), payload("e")])).unwrap();
    until("the other partition is done", || noted.lock().unwrap().contains(&"1@3".to_owned())).await;
    until("the halted one is acknowledged before it", || noted.lock().unwrap().contains(&"3@1".to_owned()))
        .await;
    let shown = detail(&notifications, "notifier");
    assert!(shown.contains("halted, a newer release wrote partition 3 offset 1: "), "{shown}");
    assert!(shown.contains("dataschema urn:logistics:order:2"), "{shown}");
    assert!(!is_ready(&notifications, "notifier"));
    let mut notified = notified.lock().unwrap().clone();
    notified.sort();
    assert_eq!(notified, ["a", "e"]);
    assert_eq!(notifications.report().undecodable, 1, "what no owner wrote is skipped and counted");
    let report = notifications.drain(Duration::from_secs(1)).await;
    assert!(report.clean, "nothing that is done is unacknowledged");
    assert!(!noted.lock().unwrap().iter().any(|what| what == "3@2"));
}

#[tokio::test(start_paused = true)]
async fn records_that_are_gone_are_counted_and_the_position_moves_behind_them() {
    let (mock, noted) = noting_positions(MockSubscription::new());
    let (subscription, events) = subscription(mock);
    let (notifier, notified) = noting(MockNotifier::new());
    let notifications = start(bus(vec![Ok(subscription)]), notifier);
    events.send(Ok(SubscriptionEvent::Moved { partition: HOME, from: Offset(5), to: Offset(12) })).unwrap();
    until("acknowledged", || *noted.lock().unwrap() == ["3@12"]).await;
    events.send(delivery_in(HOME, 12, vec![payload("a")])).unwrap();
    until("delivered", || noted.lock().unwrap().contains(&"3@14".to_owned())).await;
    assert_eq!(*notified.lock().unwrap(), ["a"]);
    assert_eq!(notifications.report().gone, 7);
    assert_eq!(
        detail(&notifications, "notifier"),
        "delivering; 1 delivered, 7 gone from the log before they were read"
    );
    assert!(is_ready(&notifications, "notifier"));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_shortened_past_the_position_is_read_on_and_what_is_gone_is_counted() {
    let bus = MemoryBus::new(1);
    let append = |name: &str| {
        bus.with_broker(|broker| broker.append(Topic::Notifications, Partition(0), None, payload(name)));
    };
    let start = || {
        let options = NotificationsOptions { from: Some(StartAt::Start), ..options() };
        let (notifier, notified) = noting(MockNotifier::new());
        (Notifications::start(Arc::new(bus.clone()), Arc::new(notifier), options), notified)
    };
    append("a");
    let (first, _) = start();
    until("delivered", || first.report().delivered == 1).await;
    assert!(first.drain(Duration::from_secs(1)).await.clean);
    ["b", "c", "d"].into_iter().for_each(append);
    bus.with_broker(|broker| broker.truncate(Topic::Notifications, Partition(0), Offset(3)));
    let (second, notified) = start();
    until("delivered", || second.report().delivered == 1).await;
    assert_eq!(*notified.lock().unwrap(), ["d"]);
    let report = second.drain(Duration::from_secs(1)).await;
    assert_eq!((report.gone, report.clean), (2, true));
    let position =
        |broker: &mut Broker| broker.position(Topic::Notifications, "notification-service", Partition(0));
    assert_eq!(bus.with_broker(position), Some(Offset(4)));
}

#[tokio::test(start_paused = true)]
async fn two_members_hand_partitions_over_while_a_notification_is_retried() {
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
    let mut refusing = MockNotifier::new();
    refusing.expect_notify().returning(|_| Err(NotifyError::new(NotifyErrorKind::Unavailable, "on purpose")));
    let first = Notifications::start(Arc::new(bus.clone()), Arc::new(refusing), options());
    until("both are stuck", || detail(&first, "notifier").contains("1 more partitions")).await;
    let (notifier, notified) = noting(MockNotifier::new());
    let second = Notifications::start(Arc::new(bus.clone()), Arc::new(notifier), options());
    until("the other member notifies of one", || notified.lock().unwrap().len() == 1).await;
    assert!(!detail(&first, "notifier").contains("more partitions"), "the first has one left");
    assert!(first.drain(Duration::from_secs(1)).await.clean);
    until("the other member notifies of both", || notified.lock().unwrap().len() == 2).await;
    assert!(second.drain(Duration::from_secs(1)).await.clean);
}
