//! The use cases of webhook endpoints.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::delivery::{
    DeliveryEvent, DeliveryKey, DeliveryOutcome, DeliveryRecord, EndpointStats, Problem, Redrive, Settled,
};
use logistics_core::health::HealthProbe;
use logistics_core::limits::ENDPOINTS_PER_OWNER_MAX;
use logistics_core::notify::Notification;
use logistics_core::port::{EventBus, PartyRole, ReadLimit, Topic};
use logistics_core::webhook::{
    Endpoint, EndpointId, EndpointOwner, EndpointState, EventFilter, EventType, Secret, SecretKind,
    SendError, SendErrorKind, WebhookRequest, WebhookResponse, WebhookSender, endpoint_partition, sign,
};
use logistics_core::{
    ChannelName, Offset, OrderId, Partition, PartyId, Status, Subject, Timestamp, Version, partition_of, wire,
};
use logistics_service::{
    ChangeEndpoint, CreateEndpoint, IdempotencyKey, Principal, RedriveSelection, Role, RotateSecret,
    SEALING_KEY_BYTES, SealingKeys, ServiceError, WebhookError, WebhookOptions, Webhooks,
};
use logistics_testkit::MemoryBus;

use crate::fixture::{CALLER, FixedClock, PARTITIONS};

const URL: &str = "https://shop.example/hooks";

async fn webhooks(bus: &MemoryBus, change: impl FnOnce(&mut WebhookOptions)) -> Webhooks {
    let mut options = WebhookOptions::default();
    change(&mut options);
    let webhooks = Webhooks::start(Arc::new(bus.clone()), Arc::new(FixedClock), options);
    webhooks.caught_up().await;
    webhooks
}

async fn on_empty_bus() -> Webhooks {
    webhooks(&MemoryBus::new(PARTITIONS), |_| {}).await
}

fn party(role: Role, id: &str) -> Principal {
    let subject = Subject::parse(&format!("jwt:{id}")).expect("a subject");
    Principal::new(subject).with_role(role).with_party(role, PartyId::parse(id).expect("a party id"))
}

fn merchant(id: &str) -> Principal {
    party(Role::Merchant, id)
}

fn owned_by(id: &str) -> EndpointOwner {
    EndpointOwner::Party(PartyRole::Merchant, PartyId::parse(id).expect("a party id"))
}

fn to(url: &str) -> CreateEndpoint {
    CreateEndpoint::new(url.parse().expect("a URL"))
}

async fn created(webhooks: &Webhooks, caller: &Principal) -> (Arc<Endpoint>, Secret) {
    let created = webhooks.create(caller, to(URL)).await.expect("it is created");
    (created.endpoint, created.secret.expect("a new secret"))
}

/// The payloads of all records about endpoints.
fn records(bus: &MemoryBus) -> Vec<Bytes> {
    let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
    let read = |partition| {
        bus.with_broker(|broker| {
            broker
                .read_committed(Topic::Endpoints, Partition(partition), Offset(0), limit)
                .expect("no truncation")
        })
    };
    let batches = (0..PARTITIONS).filter_map(read);
    batches.flat_map(|batch| batch.records).map(|record| record.payload).collect()
}

#[tokio::test]
async fn a_party_manages_its_own_endpoints_and_an_operator_all() {
    let webhooks = on_empty_bus().await;
    let (ann, bob) = (merchant("ann"), merchant("bob"));
    let (endpoint, secret) = created(&webhooks, &ann).await;
    assert_eq!((&endpoint.owner, endpoint.version), (&owned_by("ann"), Version(1)));
    assert_eq!((endpoint.is_enabled(), secret.kind()), (true, SecretKind::Hmac));
    assert_eq!(webhooks.show(&ann, &endpoint.id), Ok(endpoint.clone()));
    let id = &endpoint.id;
    // Another party's endpoint does not exist.
    assert_eq!(webhooks.show(&bob, id), Err(WebhookError::NotFound));
    assert_eq!(webhooks.list(&bob), Ok(Vec::new()));
    let change = ChangeEndpoint::new(id.clone());
    assert_eq!(webhooks.change(&bob, change).await, Err(WebhookError::NotFound));
    assert_eq!(webhooks.disable(&bob, id, None).await, Err(WebhookError::NotFound));
    assert_eq!(webhooks.delete(&bob, id, None).await, Err(WebhookError::NotFound));
    assert_eq!(webhooks.test(&bob, id).await, Err(WebhookError::NotFound));
    let rotated = webhooks.rotate(&bob, RotateSecret::new(id.clone())).await;
    assert_eq!(rotated.map(|_| ()), Err(WebhookError::NotFound));
    // The id of a merchant is no id of a courier.
    assert_eq!(webhooks.list(&party(Role::Courier, "ann")), Ok(Vec::new()));
    assert_eq!(webhooks.list(&CALLER).map(|all| all.len()), Ok(1));
    let (of_platform, _) = created(&webhooks, &CALLER).await;
    assert_eq!(of_platform.owner, EndpointOwner::Operator);
    assert_eq!(webhooks.show(&ann, &of_platform.id), Err(WebhookError::NotFound));
}

#[tokio::test]
async fn an_owner_is_the_caller_itself_and_never_a_customer() {
    let webhooks = on_empty_bus().await;
    let forbidden = WebhookError::from(ServiceError::Forbidden);
    for other in [party(Role::Customer, "ann"), party(Role::Service, "ann")] {
        assert_eq!(webhooks.create(&other, to(URL)).await.map(|_| ()), Err(forbidden.clone()));
        assert_eq!(webhooks.list(&other), Err(forbidden.clone()));
    }
    let for_owner = |owner| {
        let mut command = to(URL);
        command.owner = Some(owner);
        command
    };
    for foreign in [owned_by("bob"), EndpointOwner::Operator] {
        let refused = webhooks.create(&merchant("ann"), for_owner(foreign)).await.map(|_| ());
        assert_eq!(refused, Err(ServiceError::ForeignParty { field: "owner" }.into()));
    }
    let customer = EndpointOwner::Party(PartyRole::Customer, PartyId::parse("ann").expect("a party id"));
    let refused = webhooks.create(&CALLER, for_owner(customer)).await.map(|_| ()).expect_err("no customer");
    assert_eq!(refused.code(), "invalid_request");
    let for_bob = webhooks.create(&CALLER, for_owner(owned_by("bob"))).await.expect("an operator may");
    assert!(webhooks.show(&merchant("bob"), &for_bob.endpoint.id).is_ok());
    let both = merchant("ann")
        .with_role(Role::Courier)
        .with_party(Role::Courier, PartyId::parse("c").expect("an id"));
    assert!(webhooks.create(&both, to(URL)).await.is_err(), "it must name one of its two parties");
}

#[tokio::test]
async fn of_two_changes_of_one_version_in_two_processes_the_first_counts() {
    let bus = MemoryBus::new(PARTITIONS);
    let (here, there) = (webhooks(&bus, |_| {}).await, webhooks(&bus, |_| {}).await);
    let (endpoint, _) = created(&here, &CALLER).await;
    let changed = |url: &str, expected: Option<u64>| {
        let mut command = ChangeEndpoint::new(endpoint.id.clone());
        (command.url, command.expected_version) = (Some(url.parse().expect("a URL")), expected.map(Version));
        command
    };
    // `there` may have read the creation later.
    let mut there_has = there.show(&CALLER, &endpoint.id);
    while there_has.is_err() {
        tokio::task::yield_now().await;
        there_has = there.show(&CALLER, &endpoint.id);
    }
    let (first, second) = tokio::join!(
        here.change(&CALLER, changed("https://first.example/", Some(1))),
        there.change(&CALLER, changed("https://second.example/", Some(1))),
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let lost = first.err().or(second.err()).expect("one lost");
    assert_eq!(lost, WebhookError::Stale { current: Version(2), expected: Version(1) });
    // Without an expected version, both happen, one after the other.
    let (first, second) = tokio::join!(
        here.change(&CALLER, changed("https://third.example/", None)),
        there.change(&CALLER, changed("https://fourth.example/", None)),
    );
    let versions = [first, second].map(|changed| changed.expect("it is made again").version);
    assert!(versions == [Version(3), Version(4)] || versions == [Version(4), Version(3)], "{versions:?}");
}

#[tokio::test]
async fn a_change_keeps_what_it_does_not_name_and_an_equal_one_is_no_fact() {
    let webhooks = on_empty_bus().await;
    let mut command = to(URL);
    command.description = Some("the till".parse().expect("a description"));
    let endpoint = webhooks.create(&CALLER, command).await.expect("it is created").endpoint;
    let mut change = ChangeEndpoint::new(endpoint.id.clone());
    change.event_types = Some(EventFilter::Only([EventType::Late].into()));
    let changed = webhooks.change(&CALLER, change.clone()).await.expect("it is changed");
    assert_eq!((changed.version, &changed.settings.url), (Version(2), &endpoint.settings.url));
    assert_eq!(changed.settings.description, endpoint.settings.description);
    assert_eq!(webhooks.change(&CALLER, change).await.expect("unchanged").version, Version(2));
    let mut change = ChangeEndpoint::new(endpoint.id.clone());
    change.description = Some(None);
    let changed = webhooks.change(&CALLER, change).await.expect("it is changed");
    assert_eq!((changed.version, &changed.settings.description), (Version(3), &None));
}

#[tokio::test]
async fn an_endpoint_is_disabled_enabled_and_deleted_for_good() {
    let webhooks = on_empty_bus().await;
    let (endpoint, _) = created(&webhooks, &CALLER).await;
    let id = &endpoint.id;
    let disabled = webhooks.disable(&CALLER, id, Some(Version(1))).await.expect("it is disabled");
    assert!(matches!(disabled.state, EndpointState::Disabled { .. }));
    assert_eq!(webhooks.disable(&CALLER, id, None).await.expect("unchanged").version, Version(2));
    assert!(webhooks.enable(&CALLER, id, None).await.expect("it is enabled").is_enabled());
    let stale = webhooks.delete(&CALLER, id, Some(Version(2))).await;
    assert_eq!(stale, Err(WebhookError::Stale { current: Version(3), expected: Version(2) }));
    assert_eq!(webhooks.delete(&CALLER, id, Some(Version(3))).await, Ok(()));
    assert_eq!(webhooks.show(&CALLER, id), Err(WebhookError::NotFound));
    assert_eq!(webhooks.enable(&CALLER, id, None).await, Err(WebhookError::NotFound));
    assert_eq!(webhooks.list(&CALLER), Ok(Vec::new()));
}

#[tokio::test]
async fn a_repeated_creation_is_the_original_endpoint() {
    let webhooks = on_empty_bus().await;
    let keyed = |url: &str| {
        let mut command = to(url);
        command.idempotency_key = Some(IdempotencyKey::parse("k-1").expect("a key"));
        command
    };
    let first = webhooks.create(&CALLER, keyed(URL)).await.expect("it is created");
    let again = webhooks.create(&CALLER, keyed(URL)).await.expect("the original");
    assert_eq!(again, first, "with its secret, because the first reply may be lost");
    let other = webhooks.create(&CALLER, keyed("https://other.example/")).await.map(|_| ());
    assert_eq!(other, Err(WebhookError::KeyConflict));
    // The key of another caller is another key.
    let of_ann = webhooks.create(&merchant("ann"), keyed(URL)).await.expect("another endpoint");
    assert_ne!(of_ann.endpoint.id, first.endpoint.id);
    webhooks.disable(&CALLER, &first.endpoint.id, None).await.expect("it is disabled");
    let later = webhooks.create(&CALLER, keyed(URL)).await.expect("the original");
    assert_eq!((later.endpoint.version, later.secret), (Version(2), None), "it has changed since");
    webhooks.delete(&CALLER, &first.endpoint.id, None).await.expect("it is deleted");
    let deleted = webhooks.create(&CALLER, keyed(URL)).await.map(|_| ());
    assert_eq!(deleted, Err(WebhookError::KeyConflict));
}

#[tokio::test]
async fn a_rotation_keeps_the_previous_secret_for_its_overlap() {
    let webhooks = on_empty_bus().await;
    let (endpoint, first) = created(&webhooks, &CALLER).await;
    let mut command = RotateSecret::new(endpoint.id.clone());
    command.signature = Some(SecretKind::Ed25519);
    let rotated = webhooks.rotate(&CALLER, command.clone()).await.expect("it is rotated");
    let second = rotated.secret.expect("a new secret");
    let now = logistics_testkit::sample::time(0);
    let signing =
        |endpoint: &Endpoint, at: Timestamp| endpoint.signing_secrets(at).cloned().collect::<Vec<_>>();
    assert_eq!(signing(&rotated.endpoint, now), [second.clone(), first]);
    let day_ms = 24 * 60 * 60 * 1000;
    assert_eq!(signing(&rotated.endpoint, now.after_millis(day_ms)), [second]);
    command.overlap_ms = Some(7 * day_ms + 1);
    let refused = webhooks.rotate(&CALLER, command).await.map(|_| ()).expect_err("too long");
    assert_eq!(refused.code(), "invalid_request");
    // A rotation keeps the kind.
    let again =
        webhooks.rotate(&CALLER, RotateSecret::new(endpoint.id.clone())).await.expect("it is rotated");
    assert_eq!(again.secret.map(|secret| secret.kind()), Some(SecretKind::Ed25519));
}

#[tokio::test]
async fn an_owner_has_a_limited_number_of_endpoints() {
    let webhooks = on_empty_bus().await;
    let ann = merchant("ann");
    for _ in 0..ENDPOINTS_PER_OWNER_MAX {
        created(&webhooks, &ann).await;
    }
    assert_eq!(webhooks.create(&ann, to(URL)).await.map(|_| ()), Err(WebhookError::TooMany));
    created(&webhooks, &merchant("bob")).await;
    let first = webhooks.list(&ann).expect("its endpoints").remove(0);
    webhooks.delete(&ann, &first.id, None).await.expect("it is deleted");
    created(&webhooks, &ann).await;
}

#[tokio::test]
async fn http_is_refused_unless_it_is_permitted() {
    let bus = MemoryBus::new(PARTITIONS);
    let strict = webhooks(&bus, |_| {}).await;
    let insecure = "http://127.0.0.1:9000/";
    let refused = strict.create(&CALLER, to(insecure)).await.map(|_| ()).expect_err("http");
    assert!(
        matches!(refused, WebhookError::Service(ServiceError::Invalid { field: "url", .. })),
        "{refused:?}"
    );
    let (endpoint, _) = created(&strict, &CALLER).await;
    let mut change = ChangeEndpoint::new(endpoint.id.clone());
    change.url = Some(insecure.parse().expect("a URL"));
    assert_eq!(strict.change(&CALLER, change).await.map(|_| ()), Err(refused));
    let permissive = webhooks(&bus, |options| options.allow_http = true).await;
    assert!(permissive.create(&CALLER, to(insecure)).await.is_ok());
}

#[tokio::test]
async fn a_new_process_reads_the_endpoints_from_the_log() {
    let bus = MemoryBus::new(PARTITIONS);
    let before = webhooks(&bus, |_| {}).await;
    let (endpoint, _) = created(&before, &CALLER).await;
    let endpoint = before.disable(&CALLER, &endpoint.id, None).await.expect("it is disabled");
    // A record that is no fact changes nothing.
    for partition in (0..PARTITIONS).map(Partition) {
        let (key, garbage) = (endpoint.id.to_key(), Bytes::from_static(b"{\"secret\":1}"));
        bus.publish(Topic::Endpoints, partition, key, garbage).await.expect("the log accepts it");
    }
    let after = webhooks(&bus, |_| {}).await;
    assert_eq!(after.list(&CALLER), Ok(vec![endpoint]));
}

#[tokio::test]
async fn a_record_of_a_newer_release_halts_the_reader() {
    let bus = MemoryBus::new(PARTITIONS);
    let (endpoint, _) = created(&webhooks(&bus, |_| {}).await, &CALLER).await;
    let record = records(&bus).remove(0);
    let newer =
        String::from_utf8(record.to_vec()).expect("text").replace("webhook-endpoint:1", "webhook-endpoint:2");
    let partition = endpoint_partition(&endpoint.id, PARTITIONS);
    bus.publish(Topic::Endpoints, partition, endpoint.id.to_key(), newer.into())
        .await
        .expect("the log accepts it");
    let halted = webhooks(&bus, |_| {}).await;
    let part = halted.health().parts.remove(0);
    assert!(
        !part.ready && part.detail.contains("newer") && part.detail.contains("webhook-endpoint:2"),
        "{part:?}"
    );
    assert_eq!(halted.list(&CALLER), Err(WebhookError::NotReady));
}

#[tokio::test]
async fn a_sealed_secret_is_unreadable_in_the_log_and_without_its_key() {
    let bus = MemoryBus::new(PARTITIONS);
    let keys = |bytes: &[u8]| {
        let keys: Vec<_> = bytes.iter().map(|byte| [*byte; SEALING_KEY_BYTES]).collect();
        SealingKeys::new(&keys).expect("keys")
    };
    let sealing = webhooks(&bus, |options| options.sealing_keys = Some(keys(&[1]))).await;
    let (endpoint, secret) = created(&sealing, &CALLER).await;
    let record = String::from_utf8(records(&bus).remove(0).to_vec()).expect("text");
    assert!(record.contains("\"sealed:") && !record.contains("whsec_"), "{record}");
    let now = logistics_testkit::sample::time(0);
    let signing = |webhooks: &Webhooks| {
        let endpoint = webhooks.show(&CALLER, &endpoint.id).expect("the endpoint");
        endpoint.signing_secrets(now).cloned().collect::<Vec<_>>()
    };
    assert_eq!(signing(&sealing), std::slice::from_ref(&secret));
    let rotated = webhooks(&bus, |options| options.sealing_keys = Some(keys(&[2, 1]))).await;
    assert_eq!(signing(&rotated), [secret]);
    for other in [Some(keys(&[2])), None] {
        assert_eq!(signing(&webhooks(&bus, |options| options.sealing_keys = other).await), []);
    }
}

/// Keeps what it sends, and answers alike.
struct Recorder {
    answer: Result<WebhookResponse, SendError>,
    sent: Mutex<Vec<WebhookRequest>>,
}

#[async_trait]
impl WebhookSender for Recorder {
    async fn send(&self, request: WebhookRequest) -> Result<WebhookResponse, SendError> {
        self.sent.lock().expect("no panic").push(request);
        self.answer.clone()
    }
}

async fn sending(answer: Result<WebhookResponse, SendError>) -> (Webhooks, Arc<Recorder>) {
    let recorder = Arc::new(Recorder { answer, sent: Mutex::default() });
    let bus = Arc::new(MemoryBus::new(PARTITIONS));
    let options = WebhookOptions::default();
    let webhooks = Webhooks::start_with_sender(bus, Arc::new(FixedClock), recorder.clone(), options);
    webhooks.caught_up().await;
    (webhooks, recorder)
}

#[tokio::test]
async fn a_test_is_one_signed_message_and_its_answer() {
    let answer = WebhookResponse { status: 204, retry_after_ms: None, excerpt: Bytes::new(), is_whole: true };
    let (webhooks, recorder) = sending(Ok(answer)).await;
    let (endpoint, secret) = created(&webhooks, &CALLER).await;
    webhooks.disable(&CALLER, &endpoint.id, None).await.expect("it is disabled");
    let result = webhooks.test(&CALLER, &endpoint.id).await.expect("a disabled endpoint can be tested");
    assert!(result.is_success(), "{result:?}");
    let sent = recorder.sent.lock().expect("no panic").pop().expect("a message");
    assert_eq!((&sent.url, &sent.message_id), (&endpoint.settings.url, &result.message_id));
    assert_eq!(sent.signature, sign([&secret], &sent.message_id, sent.at, &sent.body));
    let event: serde_json::Value = serde_json::from_slice(&sent.body).expect("JSON");
    assert_eq!(event["type"], "logistics.webhook.test");
    assert!(!String::from_utf8_lossy(&sent.body).contains("shop.example"));
}

#[tokio::test]
async fn a_test_without_an_answer_says_why_and_one_without_a_sender_is_refused() {
    let (webhooks, _) =
        sending(Err(SendError::new(SendErrorKind::PrivateAddress, "not a public address"))).await;
    let (endpoint, _) = created(&webhooks, &CALLER).await;
    let result = webhooks.test(&CALLER, &endpoint.id).await.expect("it was sent");
    assert_eq!(result.answer.map_err(|error| error.kind()), Err(SendErrorKind::PrivateAddress));
    let without = on_empty_bus().await;
    let (endpoint, _) = created(&without, &CALLER).await;
    assert_eq!(without.test(&CALLER, &endpoint.id).await, Err(WebhookError::NoSender));
    let unknown = EndpointId::parse("we_unknown").expect("an id");
    assert_eq!(without.test(&CALLER, &unknown).await, Err(WebhookError::NotFound));
}

/// What an owner of deliveries writes when it gives a message up.
async fn give_up(bus: &MemoryBus, endpoint: &EndpointId, order: &str, at: Timestamp) {
    give_up_in(bus, &ChannelName::webhooks(), endpoint, order, at).await;
}

/// The same in a channel.
async fn give_up_in(
    bus: &MemoryBus,
    channel: &ChannelName,
    endpoint: &EndpointId,
    order: &str,
    at: Timestamp,
) {
    let order_id: OrderId = order.parse().expect("an order id");
    let partition = partition_of(&order_id, PARTITIONS);
    let notification = Notification::new(order_id, Version(5), Status::Delivered, at);
    let key = DeliveryKey::new(endpoint.clone(), notification.order_id.clone(), notification.version);
    let record_key = key.to_record_key(channel);
    let problem = Some(Problem::new("status", Some(503)));
    let settled = Settled::new(key, DeliveryOutcome::Dead, 10, problem, Some(notification));
    let record = DeliveryRecord::new(channel.clone(), at, DeliveryEvent::Settled(settled));
    let payload = wire::encode_delivery(&record);
    bus.publish(Topic::Deliveries, partition, record_key, payload).await.expect("the log accepts it");
}

/// The redrives in the log, by order.
fn redrives(bus: &MemoryBus) -> Vec<String> {
    let redrives = redriven(bus).into_iter();
    let mut orders: Vec<String> =
        redrives.map(|(_, redrive)| redrive.notification.order_id.to_string()).collect();
    orders.sort_unstable();
    orders
}

/// Their channels.
fn redriven_channels(bus: &MemoryBus) -> Vec<ChannelName> {
    redriven(bus).into_iter().map(|(channel, _)| channel).collect()
}

fn redriven(bus: &MemoryBus) -> Vec<(ChannelName, Redrive)> {
    let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
    let read = |partition| {
        bus.with_broker(|broker| {
            broker
                .read_committed(Topic::Deliveries, Partition(partition), Offset(0), limit)
                .expect("no truncation")
        })
    };
    let records = (0..PARTITIONS).filter_map(read).flat_map(|batch| batch.records);
    let decoded = records.filter_map(|record| wire::decode_delivery(&record.payload).ok());
    decoded
        .filter_map(|record| match record.event {
            DeliveryEvent::Redrive(redrive) => Some((record.channel, redrive)),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn dead_letters_are_listed_and_redriven_one_or_all_since_a_time() {
    let bus = MemoryBus::new(PARTITIONS);
    let before = webhooks(&bus, |_| {}).await;
    let (endpoint, _) = created(&before, &merchant("ann")).await;
    let minute = |n: u64| logistics_testkit::sample::time(0).after_millis(n * 60_000);
    for n in 1..=4 {
        give_up(&bus, &endpoint.id, &format!("o-{n}"), minute(n)).await;
    }
    // Another process reads them from the log.
    let webhooks = webhooks(&bus, |_| {}).await;
    let ann = merchant("ann");
    let listed = async |since| webhooks.dead_letters(&ann, &endpoint.id, since).expect("its endpoint");
    let all = listed(None).await;
    assert_eq!(all.len(), 4);
    assert_eq!(
        (all[0].attempts, all[0].problem.as_ref().and_then(|problem| problem.status)),
        (10, Some(503))
    );
    assert_eq!(listed(Some(minute(3))).await.len(), 2);
    let one = RedriveSelection::One { order_id: "o-1".parse().expect("an id"), version: Version(5) };
    let redriven = webhooks.redrive(&ann, &endpoint.id, one.clone()).await.expect("a dead letter");
    assert_eq!((redriven.count, redriven.more), (1, false));
    assert_eq!(redrives(&bus), ["o-1"]);
    while listed(None).await.len() > 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        webhooks.redrive(&ann, &endpoint.id, one).await,
        Err(WebhookError::NotFound),
        "it was redriven"
    );
    let since = RedriveSelection::Since(minute(3));
    assert_eq!(webhooks.redrive(&ann, &endpoint.id, since).await.map(|redriven| redriven.count), Ok(2));
    assert_eq!(redrives(&bus), ["o-1", "o-3", "o-4"]);
    let foreign = webhooks.dead_letters(&merchant("bob"), &endpoint.id, None);
    assert_eq!(foreign, Err(WebhookError::NotFound));
}

#[tokio::test]
async fn operators_list_and_redrive_the_dead_letters_of_another_channel() {
    let bus = MemoryBus::new(PARTITIONS);
    let email: ChannelName = "email".parse().expect("a name");
    let receiver: EndpointId = "email-customer".parse().expect("an id");
    let (endpoint, _) = created(&webhooks(&bus, |_| {}).await, &CALLER).await;
    let at = logistics_testkit::sample::time(0);
    give_up_in(&bus, &email, &receiver, "o-1", at).await;
    give_up_in(&bus, &email, &endpoint.id, "o-2", at).await;
    let webhooks = webhooks(&bus, |_| {}).await;
    let listed = |id| webhooks.dead_letters(&CALLER, id, None).map(|letters| letters.len());
    assert_eq!(listed(&receiver), Ok(1));
    assert_eq!(listed(&endpoint.id), Ok(0), "no channel adds to a webhook endpoint");
    let foreign = webhooks.dead_letters(&merchant("ann"), &receiver, None);
    assert_eq!(foreign, Err(WebhookError::NotFound));
    let all = RedriveSelection::Since(at);
    assert_eq!(webhooks.redrive(&CALLER, &receiver, all).await.map(|redriven| redriven.count), Ok(1));
    assert_eq!(redrives(&bus), ["o-1"]);
    let channels = redriven_channels(&bus);
    assert_eq!(channels, [email]);
    while listed(&receiver) != Ok(0) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn statistics_are_the_sums_of_all_partitions() {
    let bus = MemoryBus::new(PARTITIONS);
    let (endpoint, _) = created(&webhooks(&bus, |_| {}).await, &CALLER).await;
    let minute = |n: u64| logistics_testkit::sample::time(0).after_millis(n * 60_000);
    for partition in 0..2 {
        let mut stats = EndpointStats::new(endpoint.id.clone());
        (stats.delivered, stats.failed, stats.dead) = (10, 2, 1);
        stats.last_success_at = Some(minute(u64::from(partition)));
        stats.last_failure_at = Some(minute(5 - u64::from(partition)));
        stats.last_problem = Some(Problem::new(if partition == 0 { "timeout" } else { "connect" }, None));
        let record = DeliveryRecord::new(ChannelName::webhooks(), minute(6), DeliveryEvent::Stats(stats));
        let payload = wire::encode_delivery(&record);
        let key = endpoint.id.to_key();
        bus.publish(Topic::Deliveries, Partition(partition), key, payload).await.expect("the log accepts it");
    }
    let webhooks = webhooks(&bus, |_| {}).await;
    let stats = webhooks.statistics(&CALLER, &endpoint.id).expect("the endpoint");
    assert_eq!((stats.delivered, stats.failed, stats.dead), (20, 4, 2));
    assert_eq!((stats.last_success_at, stats.last_failure_at), (Some(minute(1)), Some(minute(5))));
    assert_eq!(stats.last_problem.map(|problem| problem.code), Some("timeout".to_owned()));
    let (other, _) = created(&webhooks, &CALLER).await;
    assert_eq!(webhooks.statistics(&CALLER, &other.id).map(|stats| stats.delivered), Ok(0));
}

#[tokio::test]
async fn with_keys_of_the_log_an_unsigned_fact_makes_no_endpoint() {
    let bus = MemoryBus::new(PARTITIONS);
    let keys = wire::LogKeys::new(&[[7; wire::LOG_KEY_BYTES]]).expect("a key");
    let without_keys = webhooks(&bus, |_| {}).await;
    let (forged, _) = created(&without_keys, &CALLER).await;
    let with_keys = webhooks(&bus, |options| options.log_keys = Some(keys.clone())).await;
    let (signed, _) = created(&with_keys, &CALLER).await;
    let without_keys = webhooks(&bus, |_| {}).await;
    let deleted = without_keys.delete(&CALLER, &signed.id, None).await;
    assert!(deleted.is_ok(), "without keys, every fact counts: {deleted:?}");
    let again = webhooks(&bus, |options| options.log_keys = Some(keys)).await;
    assert!(again.show(&CALLER, &signed.id).is_ok(), "its deletion is unsigned");
    assert!(again.show(&CALLER, &forged.id).is_err());
}
