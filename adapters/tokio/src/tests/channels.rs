//! Channels side by side: no channel waits for another.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{MockNotifier, Notifier, NotifyError, NotifyErrorKind, StartAt, Topic};
use logistics_core::{Offset, Partition};
use logistics_testkit::MemoryBus;
use tokio::time::Instant;

use super::notifications::{options, payload, recording};
use super::support::{detail, is_ready, until};
use crate::{Channel, InvalidChannel, Notifications, NotificationsOptions};

const PARTITIONS: u32 = 2;
const RECORDS: u64 = 5;

struct Hangs;

#[async_trait]
impl Notifier for Hangs {
    async fn notify(&self, _: &Notification) -> Result<(), NotifyError> {
        pending().await
    }
}

/// A bus with [`RECORDS`] notifications in each partition.
fn bus() -> MemoryBus {
    let bus = MemoryBus::new(PARTITIONS);
    for (partition, n) in (0..PARTITIONS).flat_map(|partition| (0..RECORDS).map(move |n| (partition, n))) {
        let payload = payload(&format!("o-{partition}-{n}"));
        bus.with_broker(|broker| broker.append(Topic::Notifications, Partition(partition), None, payload));
    }
    bus
}

fn start(bus: &MemoryBus, channels: Vec<Channel>) -> Notifications {
    let options = NotificationsOptions { from: Some(StartAt::Start), ..options() };
    Notifications::start_channels(Arc::new(bus.clone()), channels, options).unwrap()
}

fn channel(name: &str, notifier: impl Notifier + 'static) -> Channel {
    Channel::new(name, Arc::new(notifier)).unwrap()
}

fn positions(bus: &MemoryBus, group: &str) -> Vec<Option<Offset>> {
    let position = |p| bus.with_broker(|broker| broker.position(Topic::Notifications, group, Partition(p)));
    (0..PARTITIONS).map(position).collect()
}

const ALL: u64 = PARTITIONS as u64 * RECORDS;
const AT_END: [Option<Offset>; 2] = [Some(Offset(RECORDS)); 2];
const AT_START: [Option<Offset>; 2] = [Some(Offset(0)); 2];

#[tokio::test(start_paused = true)]
async fn a_channel_that_hangs_delays_no_other() {
    let bus = bus();
    let (delivering, notified) = recording(MockNotifier::new());
    let channels = vec![channel("console", Hangs), channel("webhook", delivering)];
    let notifications = start(&bus, channels);
    until("the other channel has acknowledged all", || {
        positions(&bus, "notification-service.webhook") == AT_END
    })
    .await;
    assert_eq!(notified.lock().unwrap().len() as u64, ALL);
    assert_eq!(
        positions(&bus, "notification-service"),
        AT_START,
        "the channel that hangs keeps its position"
    );
    until("health shows the failure", || !is_ready(&notifications, "notifier")).await;
    assert!(is_ready(&notifications, "notifier.webhook"));
    assert_eq!(detail(&notifications, "notifier.webhook"), format!("delivering; {ALL} delivered"));
    let delivered = |name| notifications.channel_report(name).map(|report| report.delivered);
    assert_eq!((delivered("console"), delivered("webhook"), delivered("mail")), (Some(0), Some(ALL), None));
    assert_eq!(notifications.report().delivered, ALL);
    let names: Vec<String> = notifications.probe().health().parts.into_iter().map(|part| part.name).collect();
    assert_eq!(names, ["notifier", "notifier.webhook"]);
    let began = Instant::now();
    let _ = notifications.drain(Duration::from_secs(1)).await;
    assert!(began.elapsed() <= Duration::from_secs(1), "a channel that hangs delays no drain");
    assert_eq!(positions(&bus, "notification-service"), AT_START);
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_fails_delays_no_other_and_continues_at_its_own_position() {
    let bus = bus();
    let mut rejecting = MockNotifier::new();
    rejecting
        .expect_notify()
        .returning(|_| Err(NotifyError::new(NotifyErrorKind::Unauthorized, "the token is rejected")));
    let (delivering, _) = recording(MockNotifier::new());
    let first = start(&bus, vec![channel("console", delivering), channel("webhook", rejecting)]);
    until("the console has acknowledged all", || positions(&bus, "notification-service") == AT_END).await;
    until("health shows the failure", || {
        detail(&first, "notifier.webhook").contains("the token is rejected")
    })
    .await;
    assert!(first.drain(Duration::from_secs(1)).await.clean);
    assert_eq!(positions(&bus, "notification-service.webhook"), AT_START);

    let (console, again) = recording(MockNotifier::new());
    let (webhook, notified) = recording(MockNotifier::new());
    let second = start(&bus, vec![channel("console", console), channel("webhook", webhook)]);
    until("the webhook has acknowledged all", || positions(&bus, "notification-service.webhook") == AT_END)
        .await;
    assert_eq!(notified.lock().unwrap().len() as u64, ALL);
    assert!(again.lock().unwrap().is_empty(), "the console has its own position");
    assert!(second.drain(Duration::from_secs(1)).await.clean);
}

#[tokio::test(start_paused = true)]
async fn the_console_continues_at_the_position_of_a_service_without_channels() {
    let bus = bus();
    let (notifier, _) = recording(MockNotifier::new());
    let options = NotificationsOptions { from: Some(StartAt::Start), ..options() };
    let single = Notifications::start(Arc::new(bus.clone()), Arc::new(notifier), options);
    until("all are delivered", || positions(&bus, "notification-service") == AT_END).await;
    assert!(single.drain(Duration::from_secs(1)).await.clean);

    bus.with_broker(|broker| broker.append(Topic::Notifications, Partition(0), None, payload("later")));
    let (console, notified) = recording(MockNotifier::new());
    let channels = start(&bus, vec![channel("console", console)]);
    until("the later notification is delivered", || channels.report().delivered == 1).await;
    assert_eq!(*notified.lock().unwrap(), ["later"]);
}

#[test]
fn a_channel_needs_a_valid_and_unique_name() {
    let notifier = || Arc::new(Hangs) as Arc<dyn Notifier>;
    for wrong in ["", "Console", "a.b", "a b", "ä", "a/b", &"x".repeat(33)] {
        let made = Channel::new(wrong, notifier());
        assert!(matches!(made, Err(InvalidChannel::Name(_))), "{wrong:?}");
    }
    let twice = vec![Channel::console(notifier()), channel("console", Hangs)];
    let started = Notifications::start_channels(Arc::new(MemoryBus::new(1)), twice, options());
    assert_eq!(started.err(), Some(InvalidChannel::Duplicate("console".to_owned())));
}
