//! The deliveries, over a log in memory and endpoints over the network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use logistics_core::delivery::{DeliveryEvent, DeliveryRecord, Redrive, Settings};
use logistics_core::notify::{Notification, Recipient};
use logistics_core::port::{Clock, EventBus, EventBusExt, PartyRole, ReadLimit, StartAt, Topic};
use logistics_core::webhook::{
    EndpointChange, EndpointFact, EndpointId, EndpointOwner, EndpointSettings, EventFilter, NewEndpoint,
    ReplyUse, Secret, SecretKind, StoredSecret, endpoint_partition,
};
use logistics_core::wire::Record;
use logistics_core::{
    Actor, ChannelName, Command, Contact, Offset, OrderId, Partition, Request, RequestId, Status, Timestamp,
    Version, partition_of, wire,
};
use logistics_testkit::MemoryBus;
use logistics_tokio::{DeliveryOptions, DeliveryService};
use logistics_webhook::{HttpSender, SenderOptions, Webhooks};
use tokio::time::Instant;

use crate::receiver::{Answer, Received, Receiver, until};

const PARTITIONS: u32 = 4;

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        Timestamp::from_millis(i64::try_from(since.as_millis()).expect("before the end of time"))
    }
}

fn secret() -> Secret {
    Secret::generate(SecretKind::Hmac, [7; 32])
}

fn merchant() -> EndpointOwner {
    EndpointOwner::Party(PartyRole::Merchant, "m-1".parse().unwrap())
}

fn notification(order: &str, version: u64) -> Notification {
    let order_id = OrderId::parse(order).unwrap();
    let mut notification =
        Notification::new(order_id, Version(version), Status::Confirmed, SystemClock.now());
    notification.recipients = vec![Recipient::new(Actor::Merchant, Some("m-1".parse().unwrap()))];
    notification
}

struct System {
    bus: MemoryBus,
    settings: Settings,
}

impl System {
    fn new(settings: Settings) -> Self {
        Self { bus: MemoryBus::new(PARTITIONS), settings }
    }

    async fn endpoint(&self, id: &str, url: &str) {
        self.endpoint_with(id, url, ReplyUse::Ignored).await;
    }

    async fn endpoint_with(&self, id: &str, url: &str, reply: ReplyUse) {
        let url = url.parse().expect("a URL");
        let settings = EndpointSettings { url, event_types: EventFilter::All, description: None, reply };
        let secret = StoredSecret::Open(secret());
        self.fact(id, 1, EndpointChange::Created(NewEndpoint { owner: merchant(), settings, secret })).await;
    }

    async fn fact(&self, id: &str, version: u64, change: EndpointChange) {
        let endpoint_id = EndpointId::parse(id).unwrap();
        let (at, partition) = (SystemClock.now(), endpoint_partition(&endpoint_id, PARTITIONS));
        let key = endpoint_id.to_key();
        let id = RequestId::parse(&format!("{id}-{version}")).unwrap();
        let fact = EndpointFact { id, endpoint_id, version: Version(version), change, at, by: None };
        let payload = wire::encode_endpoint_fact(&fact);
        self.bus.publish(Topic::Endpoints, partition, key, payload).await.expect("published");
    }

    fn notify(&self, order: &str, version: u64) {
        self.notify_with(&notification(order, version));
    }

    fn notify_with(&self, notification: &Notification) {
        let order_id = &notification.order_id;
        let (partition, key) = (partition_of(order_id, PARTITIONS), order_id.to_key());
        let payload = wire::encode_notification(notification);
        self.bus.with_broker(|broker| broker.append(Topic::Notifications, partition, Some(key), payload));
    }

    /// The requests in the log, in the order of their partitions.
    async fn requests(&self) -> Vec<Request> {
        let mut found = Vec::new();
        for partition in (0..PARTITIONS).map(Partition) {
            let end = self.bus.bounds(Topic::Orders, partition).await.expect("bounds").end;
            let limit = ReadLimit { records: 100, bytes: 1024 * 1024 };
            let mut records = self.bus.read_range(Topic::Orders, partition, Offset(0)..end, limit);
            while let Some(record) = records.next().await {
                match wire::decode(&record.expect("a record"), partition) {
                    Ok(Record::Input(request)) => found.push(request),
                    other => panic!("no request: {other:?}"),
                }
            }
        }
        found
    }

    fn start(&self) -> DeliveryService {
        let mut sender = SenderOptions::default();
        (sender.allow_http, sender.allow_private) = (true, true);
        let mut options = DeliveryOptions::webhooks();
        (options.from, options.settings) = (Some(StartAt::Start), self.settings.clone());
        let sender = Arc::new(HttpSender::new(sender).expect("a sender"));
        let (bus, clock) = (Arc::new(self.bus.clone()), Arc::new(SystemClock));
        let webhooks = Webhooks::new(bus.clone(), sender, clock.clone());
        DeliveryService::start(bus, Arc::new(webhooks), clock, options)
    }
}

/// What arrived, by order: the versions in the order of their first arrival. Panics if a version precedes a lower one.
fn versions(received: &[Received]) -> BTreeMap<String, Vec<u64>> {
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for message in received {
        let event = message.json();
        if !event["type"].as_str().expect("a type").starts_with("logistics.order.") {
            continue;
        }
        let data = &event["data"];
        let version = data["version"].as_u64().expect("a version");
        let versions = found.entry(data["order_id"].as_str().expect("an id").to_owned()).or_default();
        if !versions.contains(&version) {
            assert_eq!(version, versions.len() as u64 + 1, "out of order: {data}");
            versions.push(version);
        }
    }
    found
}

fn complete(received: &[Received], orders: usize, last: usize) -> bool {
    let found = versions(received);
    found.len() == orders && found.values().all(|versions| versions.len() == last)
}

/// The messages of this type.
fn of_type(receiver: &Receiver, kind: &str) -> Vec<serde_json::Value> {
    let events = receiver.received().into_iter().map(|message| message.json());
    events.filter(|event| event["type"] == kind).collect()
}

fn quick() -> Settings {
    let mut settings = Settings::default();
    settings.retry_delays_ms = vec![200; 200];
    (settings.breaker_open_ms_min, settings.breaker_open_ms_max) = (200, 1_000);
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_hangs_fails_or_is_slow_delays_no_other() {
    const ORDERS: usize = 60;
    const SLOW: Duration = Duration::from_secs(3);
    let system = System::new(Settings::default());
    let mut receivers = Vec::new();
    for n in 0..20 {
        let answer = match n {
            0 => Answer::Never,
            1 => Answer::Status(500),
            2 => Answer::After(SLOW, 200),
            _ => Answer::Status(200),
        };
        let receiver = Receiver::with(answer).await;
        system.endpoint(&format!("we_{n}"), &receiver.url("/in")).await;
        receivers.push(receiver);
    }
    let webhooks = system.start();
    let mut sent = BTreeMap::new();
    for version in 1..=3 {
        for order in 0..ORDERS {
            sent.insert((format!("o{order}"), version), Instant::now());
            system.notify(&format!("o{order}"), version);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    until("the others have everything", || {
        receivers[3..].iter().all(|receiver| complete(&receiver.received(), ORDERS, 3))
    })
    .await;
    let mut waits: Vec<Duration> = Vec::new();
    for receiver in &receivers[3..] {
        for message in receiver.received() {
            let data = &message.json()["data"];
            let key = (data["order_id"].as_str().unwrap().to_owned(), data["version"].as_u64().unwrap());
            waits.push(message.at - sent[&key]);
        }
    }
    waits.sort();
    assert_eq!(waits.len(), 17 * ORDERS * 3, "each message once");
    let p99 = waits[waits.len() * 99 / 100];
    // Not one answer of the slow endpoint, and not the time limit of the one that hangs.
    assert!(p99 < SLOW, "p99 {p99:?}, maximum {:?}", waits.last());
    let report = webhooks.drain(Duration::from_secs(20)).await;
    assert!(report.waiting > 0, "what failed waits: {report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_keeps_the_order_and_repeats_little() {
    const ORDERS: usize = 100;
    let system = System::new(quick());
    let count = Arc::new(AtomicUsize::new(0));
    let broken = count.clone();
    let reliable = Receiver::with(Answer::Status(200)).await;
    // Every third answer is a failure.
    let moody = Receiver::start(move |_| {
        Answer::Status(if broken.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) { 503 } else { 200 })
    })
    .await;
    system.endpoint("we_reliable", &reliable.url("/in")).await;
    system.endpoint("we_moody", &moody.url("/in")).await;
    for version in 1..=5 {
        (0..ORDERS).for_each(|order| system.notify(&format!("o{order}"), version));
    }
    let mut crashes = 0;
    for wanted in [50, 150, 250, 350] {
        let webhooks = system.start();
        until("some messages", || reliable.received().len() >= wanted).await;
        // No drain: everything in memory is lost.
        drop(webhooks);
        crashes += 1;
    }
    let webhooks = system.start();
    until("every message", || complete(&reliable.received(), ORDERS, 5)).await;
    until("every message at the other one", || {
        let ids: BTreeSet<String> =
            moody.received().iter().map(|it| it.header("webhook-id").to_owned()).collect();
        ids.len() == ORDERS * 5
    })
    .await;
    let repeats = reliable.received().len() - ORDERS * 5;
    // In flight at the crash, or accepted within the interval of acknowledgements before it.
    assert!(repeats <= crashes * 200, "{repeats} repeats after {crashes} crashes");
    let report = webhooks.drain(Duration::from_secs(20)).await;
    assert!(report.clean, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_has_the_same_id_and_a_new_timestamp_and_obeys_the_required_wait() {
    let system = System::new(quick());
    let count = AtomicUsize::new(0);
    let receiver = Receiver::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::With(429, "retry-after", "2".to_owned()),
        _ => Answer::Status(200),
    })
    .await;
    system.endpoint("we_1", &receiver.url("/in")).await;
    let webhooks = system.start();
    system.notify("o1", 1);
    until("the retry", || receiver.received().len() == 2).await;
    let received = receiver.received();
    let (first, second) = (&received[0], &received[1]);
    assert!(second.at - first.at >= Duration::from_secs(2), "{:?}", second.at - first.at);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    let seconds = |message: &Received| message.header("webhook-timestamp").parse::<u64>().unwrap();
    assert!(seconds(second) >= seconds(first) + 2);
    let webhook = standardwebhooks::Webhook::new(&secret().expose()).expect("a secret");
    webhook.verify(&second.body, &second.headers).expect("the reference verifies the retry");
    assert!(webhooks.drain(Duration::from_secs(10)).await.clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_gone_is_disabled_for_good() {
    let system = System::new(quick());
    let receiver = Receiver::with(Answer::Status(410)).await;
    let other = Receiver::with(Answer::Status(200)).await;
    system.endpoint("we_gone", &receiver.url("/in")).await;
    system.endpoint("we_other", &other.url("/in")).await;
    let webhooks = system.start();
    let partition = endpoint_partition(&EndpointId::parse("we_gone").unwrap(), PARTITIONS);
    let facts = || system.bus.with_broker(|broker| broker.end(Topic::Endpoints, partition).0);
    let before = facts();
    system.notify("o1", 1);
    until("the fact", || facts() > before).await;
    until("the dead letter", || webhooks.report().dead == 1).await;
    for version in 2..=10 {
        system.notify("o1", version);
    }
    until("the other one has all", || complete(&other.received(), 1, 10)).await;
    let disabled = || of_type(&other, "logistics.webhook.endpoint-disabled");
    until("a message to the owner", || !disabled().is_empty()).await;
    let data = &disabled()[0]["data"];
    assert_eq!((&data["endpoint_id"], &data["reason"]), (&"we_gone".into(), &"gone".into()));
    assert!(receiver.received().len() <= 2, "{} messages", receiver.received().len());
    webhooks.drain(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_is_told_of_a_dead_letter_once_an_hour() {
    let mut settings = quick();
    settings.retry_delays_ms = vec![10];
    settings.breaker_failures = 100;
    let system = System::new(settings);
    let broken = Receiver::with(Answer::Status(500)).await;
    // The first attempt to tell the owner fails.
    let count = AtomicUsize::new(0);
    let other = Receiver::start(move |message| {
        let is_news = message.json()["type"] == "logistics.webhook.dead-letter";
        Answer::Status(if is_news && count.fetch_add(1, Ordering::SeqCst) == 0 { 503 } else { 200 })
    })
    .await;
    system.endpoint("we_broken", &broken.url("/in")).await;
    system.endpoint("we_other", &other.url("/in")).await;
    let webhooks = system.start();
    system.notify("o1", 1);
    until("the dead letter", || webhooks.report().dead == 1).await;
    system.notify("o2", 1);
    until("another one", || webhooks.report().dead == 2).await;
    let told = || of_type(&other, "logistics.webhook.dead-letter");
    until("another message to the owner", || told().len() == 2).await;
    for event in told() {
        let data = &event["data"];
        assert_eq!((&data["endpoint_id"], &data["order_id"]), (&"we_broken".into(), &"o1".into()), "{event}");
    }
    webhooks.drain(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_becomes_requests_with_the_rights_of_the_owner_and_a_repetition_has_the_same_ids() {
    let system = System::new(quick());
    let count = AtomicUsize::new(0);
    let long = format!(r#"{{"requests":[{{"type":"cancel"}}],"x":"{}"}}"#, "x".repeat(64 * 1024));
    let receiver = Receiver::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::Text(200, "thanks".to_owned()),
        1 => Answer::Text(200, long.clone()),
        // A reply that is no success counts for nothing.
        2 => Answer::Text(500, r#"{"requests":[{"type":"cancel"}]}"#.to_owned()),
        _ => Answer::Text(200, r#"{"requests":[{"type":"transition","status":"CONFIRMED"}]}"#.to_owned()),
    })
    .await;
    let silent = Receiver::with(Answer::Text(200, r#"{"requests":[{"type":"cancel"}]}"#.to_owned())).await;
    system.endpoint_with("we_1", &receiver.url("/in"), ReplyUse::Requests).await;
    system.endpoint("we_2", &silent.url("/in")).await;
    let webhooks = system.start();
    system.notify("o1", 1);
    until("the reply", || webhooks.report().delivered == 2).await;
    assert_eq!(webhooks.report().failed, 3, "what cannot be read is a failed attempt");
    assert!(webhooks.drain(Duration::from_secs(10)).await.clean);
    let redrive = Redrive::new(EndpointId::parse("we_1").unwrap(), notification("o1", 1));
    let (channel, event) = (ChannelName::webhooks(), DeliveryEvent::Redrive(redrive));
    let payload = wire::encode_delivery(&DeliveryRecord::new(channel, SystemClock.now(), event));
    let partition = partition_of(&"o1".parse().unwrap(), PARTITIONS);
    system.bus.publish(Topic::Deliveries, partition, "we_1/o1".into(), payload).await.expect("published");
    let webhooks = system.start();
    until("the repetition", || webhooks.report().delivered == 1).await;
    assert!(webhooks.drain(Duration::from_secs(10)).await.clean);
    let requests = system.requests().await;
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert_eq!(requests[0].id, requests[1].id);
    let Request { actor, party, by, command, .. } = &requests[0];
    assert_eq!((*actor, party), (Actor::Merchant, &"m-1".parse().ok()));
    assert_eq!((by, command), (&"webhook:we_1".parse().ok(), &Command::Transition { to: Status::Confirmed }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_a_message_nor_the_record_that_it_waits_has_an_address() {
    const ADDRESS: &str = "ann.secret@customer.example";
    let system = System::new(quick());
    let receiver = Receiver::with(Answer::Status(500)).await;
    system.endpoint("we_1", &receiver.url("/in")).await;
    let mut notification = notification("o1", 1);
    let contact = Contact::new(ADDRESS.parse().expect("an address"));
    notification.recipients[0].contact = Some(contact);
    assert!(String::from_utf8_lossy(&wire::encode_notification(&notification)).contains(ADDRESS));
    let webhooks = system.start();
    system.notify_with(&notification);
    until("it waits", || webhooks.report().failed > 0).await;
    webhooks.drain(Duration::from_secs(10)).await;
    let partition = partition_of(&notification.order_id, PARTITIONS);
    let end = system.bus.bounds(Topic::Deliveries, partition).await.expect("bounds").end;
    let limit = ReadLimit { records: 100, bytes: 1024 * 1024 };
    let records = system.bus.read_range(Topic::Deliveries, partition, Offset(0)..end, limit);
    let records: Vec<_> = records.map(|record| record.expect("a record").payload).collect().await;
    let bodies = receiver.received().into_iter().map(|message| message.body);
    let texts: Vec<String> =
        records.into_iter().chain(bodies).map(|it| String::from_utf8_lossy(&it).into_owned()).collect();
    assert!(texts.len() >= 2, "a record and a message");
    assert!(texts.iter().any(|text| text.contains("o1")), "{texts:?}");
    assert!(texts.iter().all(|text| !text.contains("ann.secret")), "{texts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_without_new_notifications_goes_on_with_what_waits() {
    let system = System::new(quick());
    let count = AtomicUsize::new(0);
    let receiver = Receiver::start(move |_| {
        Answer::Status(if count.fetch_add(1, Ordering::SeqCst) == 0 { 500 } else { 200 })
    })
    .await;
    system.endpoint("we_1", &receiver.url("/in")).await;
    let mut slow = quick();
    slow.retry_delays_ms = vec![1_500; 20];
    let system = System { settings: slow, ..system };
    let webhooks = system.start();
    system.notify("o1", 1);
    until("it waits", || webhooks.report().failed == 1).await;
    let report = webhooks.drain(Duration::from_secs(10)).await;
    assert!(report.clean && receiver.received().len() == 1, "{report:?}");
    // Another owner finds it in the log; no notification comes.
    let _webhooks = system.start();
    until("the retry", || receiver.received().len() == 2).await;
}
