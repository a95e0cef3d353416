//! Deliveries of channels with one receiver, over a log in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use logistics_core::health::HealthProbe;
use logistics_core::notify::Notification;
use logistics_core::observe::{NotificationEnd, NotificationReport, Observer, Observers};
use logistics_core::port::{
    EventBus, EventBusExt, Notifier, NotifyError, NotifyErrorKind, ReadLimit, StartAt, Topic,
};
use logistics_core::reactor::{ReactError, Reaction, ReactorName, on_status};
use logistics_core::wire::Record;
use logistics_core::{
    Actor, Command, Offset, Partition, Request, Status, Timestamp, Version, partition_of, wire,
};
use logistics_testkit::MemoryBus;

use crate::{DeliveryOptions, DeliveryService, NotifierReceiver, ReactorOptions, SystemClock};

const PARTITIONS: u32 = 2;

fn notify(bus: &MemoryBus, order: &str, status: Status) {
    let notification =
        Notification::new(order.parse().unwrap(), Version(1), status, Timestamp::from_millis(1));
    let (partition, key) = (partition_of(&notification.order_id, PARTITIONS), notification.order_id.to_key());
    let payload = wire::encode_notification(&notification);
    bus.with_broker(|broker| broker.append(Topic::Notifications, partition, Some(key), payload));
}

fn quick(mut options: DeliveryOptions) -> DeliveryOptions {
    options.from = Some(StartAt::Start);
    options.settings.retry_delays_ms = vec![20; 100];
    (options.settings.breaker_open_ms_min, options.settings.breaker_open_ms_max) = (20, 40);
    options
}

/// Fails as its name says, and remembers what it accepted.
#[derive(Default)]
struct Moody {
    attempts: Mutex<BTreeMap<String, u32>>,
    accepted: Mutex<Vec<String>>,
}

#[async_trait]
impl Notifier for Moody {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let name = notification.order_id.as_str().to_owned();
        let attempts = {
            let mut attempts = self.attempts.lock().unwrap();
            let count = attempts.entry(name.clone()).or_default();
            *count += 1;
            *count
        };
        match name.as_str() {
            "o-never" => Err(NotifyError::new(NotifyErrorKind::Rejected, "no such mailbox")),
            "o-full" if attempts == 1 => {
                Err(NotifyError::new(NotifyErrorKind::Deferred, "the mailbox is full"))
            }
            "o-later" if attempts < 4 => Err(NotifyError::new(NotifyErrorKind::Unavailable, "not now")),
            _ => {
                self.accepted.lock().unwrap().push(name);
                Ok(())
            }
        }
    }
}

impl Moody {
    fn accepted(&self) -> Vec<String> {
        self.accepted.lock().unwrap().clone()
    }
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn start(bus: &MemoryBus, channel: &str, notifier: Arc<Moody>) -> DeliveryService {
    let receiver = NotifierReceiver::new("one".parse().unwrap(), notifier);
    let options = quick(DeliveryOptions::new(channel.parse().unwrap()));
    DeliveryService::start(Arc::new(bus.clone()), Arc::new(receiver), Arc::new(SystemClock), options)
}

#[tokio::test]
async fn a_notifier_with_retries_holds_up_no_other_order_and_what_it_rejects_is_dead_at_once() {
    let (bus, notifier) = (MemoryBus::new(PARTITIONS), Arc::new(Moody::default()));
    let deliveries = start(&bus, "email", notifier.clone());
    for order in ["o-never", "o-later", "o-1", "o-2", "o-3"] {
        notify(&bus, order, Status::Placed);
    }
    until("all but one", || notifier.accepted().len() == 4).await;
    assert_eq!(notifier.accepted().last().map(String::as_str), Some("o-later"), "the others did not wait");
    until("the reports", || deliveries.report().delivered == 4).await;
    let report = deliveries.report();
    assert_eq!((report.failed, report.dead), (3, 1));
    assert_eq!(notifier.attempts.lock().unwrap()["o-never"], 1);
    assert_eq!(deliveries.health().parts[0].name, "notifier.email");
    assert!(deliveries.drain(Duration::from_secs(10)).await.clean);
}

/// The kinds of the attempts that a retry follows.
#[derive(Default)]
struct Retries(Mutex<Vec<NotifyErrorKind>>);

impl Observer for Retries {
    fn notification(&self, report: &NotificationReport<'_>) {
        if let NotificationEnd::Retried(kind) = report.end {
            self.0.lock().unwrap().push(kind);
        }
    }
}

#[tokio::test]
async fn a_deferred_notification_is_reported_as_one_that_a_retry_follows() {
    let (bus, retries) = (MemoryBus::new(PARTITIONS), Arc::new(Retries::default()));
    let receiver = NotifierReceiver::new("one".parse().unwrap(), Arc::new(Moody::default()));
    let mut options = quick(DeliveryOptions::new("email".parse().unwrap()));
    options.observers = Observers::default().with(retries.clone());
    let deliveries =
        DeliveryService::start(Arc::new(bus.clone()), Arc::new(receiver), Arc::new(SystemClock), options);
    notify(&bus, "o-full", Status::Placed);
    until("it is delivered", || deliveries.report().delivered == 1).await;
    assert_eq!(*retries.0.lock().unwrap(), [NotifyErrorKind::Deferred]);
    assert!(deliveries.drain(Duration::from_secs(10)).await.clean);
}

#[tokio::test]
async fn channels_share_the_topic_and_each_continues_with_its_own() {
    let bus = MemoryBus::new(PARTITIONS);
    let (first, second) = (Arc::new(Moody::default()), Arc::new(Moody::default()));
    let channels = [("email", &first), ("sms", &second)];
    let running = channels.map(|(name, notifier)| start(&bus, name, notifier.clone()));
    notify(&bus, "o-later", Status::Placed);
    until("both wait", || running.iter().all(|channel| channel.report().failed >= 1)).await;
    // Everything in memory is lost.
    drop(running);
    let running = channels.map(|(name, notifier)| start(&bus, name, notifier.clone()));
    until("both delivered", || running.iter().all(|channel| channel.report().delivered == 1)).await;
    assert_eq!(
        (first.accepted(), second.accepted()),
        (vec!["o-later".to_owned()], vec!["o-later".to_owned()])
    );
    for channel in running {
        assert!(channel.drain(Duration::from_secs(10)).await.clean);
    }
}

async fn requests(bus: &MemoryBus) -> Vec<Request> {
    let mut found = Vec::new();
    for partition in (0..PARTITIONS).map(Partition) {
        let end = bus.bounds(Topic::Orders, partition).await.unwrap().end;
        let limit = ReadLimit { records: 100, bytes: 1024 * 1024 };
        let mut records = bus.read_range(Topic::Orders, partition, Offset(0)..end, limit);
        while let Some(record) = records.next().await {
            match wire::decode(&record.unwrap(), partition) {
                Ok(Record::Input(request)) => found.push(request),
                other => panic!("no request: {other:?}"),
            }
        }
    }
    found
}

#[tokio::test]
async fn a_reactor_gets_what_concerns_it_and_its_answers_are_appended_before_it_counts_as_delivered() {
    let bus = MemoryBus::new(PARTITIONS);
    let calls = Arc::new(Mutex::new(BTreeMap::<String, u32>::new()));
    let called = calls.clone();
    let reactor = on_status(Status::Placed, move |order: Notification| {
        let name = order.order_id.as_str().to_owned();
        let mut calls = called.lock().unwrap();
        let count = calls.entry(name.clone()).or_default();
        *count += 1;
        let answer = match (name.as_str(), *count) {
            ("o-pending", 1..=5) => Err(ReactError::not_yet("pending", 10)),
            ("o-broken", 1 | 2) => Err(ReactError::unavailable("down")),
            ("o-refused", _) => Err(ReactError::rejected("no")),
            ("o-many", _) => Ok(vec![Reaction::cancel(); 9]),
            _ => Ok(vec![Reaction::transition(Status::Confirmed), Reaction::transition(Status::Preparing)]),
        };
        async move { answer }
    });
    let mut options = ReactorOptions::new(ReactorName::parse("payments").unwrap(), Actor::Merchant);
    options.delivery = quick(options.delivery);
    let reacting = DeliveryService::start_reactor(
        Arc::new(bus.clone()),
        Arc::new(reactor),
        Arc::new(SystemClock),
        options,
    );
    for order in ["o-pending", "o-broken", "o-refused", "o-many", "o-1"] {
        notify(&bus, order, Status::Placed);
        notify(&bus, order, Status::Preparing);
    }
    until("the answers", || reacting.report().delivered == 3 && reacting.report().dead == 2).await;
    assert_eq!(reacting.report().failed, 2, "what is pending has not failed");
    assert_eq!(reacting.health().parts[0].name, "notifier.reactor.payments");
    assert!(reacting.drain(Duration::from_secs(10)).await.clean);
    assert_eq!(calls.lock().unwrap().values().sum::<u32>(), 6 + 3 + 1 + 1 + 1);
    let requests = requests(&bus).await;
    assert_eq!(requests.len(), 6);
    for order in ["o-pending", "o-broken", "o-1"] {
        let of_order: Vec<_> = requests.iter().filter(|it| it.order_id.as_str() == order).collect();
        let wanted = [Status::Confirmed, Status::Preparing].map(|to| Command::Transition { to });
        assert_eq!([&of_order[0].command, &of_order[1].command], [&wanted[0], &wanted[1]]);
        assert!(of_order[0].id != of_order[1].id && of_order[0].actor == Actor::Merchant);
    }
}
