//! The notification service: delivery, retries, positions, revocation and faults of the log.

mod delivery;
mod log_faults;
mod partitions;
mod positions;
mod reports;
mod revocation;

use std::collections::{BTreeSet, VecDeque};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
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
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::support::{BACKOFF, error};
use crate::{Notifications, NotificationsOptions};

type Event = Result<SubscriptionEvent, PortError>;
type Acknowledged = Arc<Mutex<Vec<Offset>>>;

/// A subscription whose events the test sends. Records of held partitions wait, as in every adapter.
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

    fn assigned(&self) -> BTreeSet<Partition> {
        BTreeSet::new()
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        self.mock.acknowledge(partition, next).await
    }
}

fn acknowledging(mut mock: MockSubscription) -> (MockSubscription, Acknowledged) {
    let acknowledged = Acknowledged::default();
    let recorded = acknowledged.clone();
    mock.expect_acknowledge().returning(move |_, next| {
        recorded.lock().unwrap().push(next);
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
    // A transaction's marker follows the records.
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

/// Records the orders of the notifications. Expectations of `mock` apply first.
pub(super) fn recording(mut mock: MockNotifier) -> (MockNotifier, Arc<Mutex<Vec<String>>>) {
    let notified = Arc::new(Mutex::new(Vec::new()));
    let recorded = notified.clone();
    mock.expect_notify().returning(move |notification| {
        recorded.lock().unwrap().push(notification.order_id.to_string());
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

/// The first call hangs.
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

/// Each call takes a second.
struct Slow;

#[async_trait]
impl Notifier for Slow {
    async fn notify(&self, _: &Notification) -> Result<(), NotifyError> {
        sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

const HOME: Partition = Partition(3);
const OTHER: Partition = Partition(1);

/// Records acknowledged positions and released partitions, in one order.
fn recording_positions(mut mock: MockSubscription) -> (MockSubscription, Arc<Mutex<Vec<String>>>) {
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let (acknowledged, released) = (recorded.clone(), recorded.clone());
    mock.expect_acknowledge().returning(move |partition, next| {
        acknowledged.lock().unwrap().push(format!("{partition}@{next}"));
        Ok(())
    });
    mock.expect_release().returning(move |partitions| {
        released.lock().unwrap().push(format!("released {partitions:?}"));
        Ok(())
    });
    (mock, recorded)
}

/// The payload of a notification of a newer release.
fn newer(name: &str) -> Bytes {
    let text = String::from_utf8(payload(name).to_vec()).unwrap();
    let newer = text.replace("urn:logistics:order:1", "urn:logistics:order:5");
    assert_ne!(text, newer);
    Bytes::from(newer)
}
