//! The facts of the orders of one party.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::port::{DocumentWrite, OrderParties, StoreWrite, Token};
use logistics_core::{
    Actor, Assignment, Cause, Change, Fact, Offset, Order, OrderId, Partition, RequestId, Status, Timestamp,
    Version, evolve, wire,
};
use logistics_feed::{
    FeedError, FeedEvent, Filter, Hub, HubOptions, Party, PartyHub, PartySubscription, Positions,
};
use logistics_testkit::{Faults, MemoryOrderStore, sample};

use crate::counted_bus::{CountedBus, PARTITIONS, Seen, home, order, take};

fn customer(id: &str) -> Party {
    Party { role: Actor::Customer, id: id.parse().expect("a party id") }
}

/// Stores an order of this customer. Every input before `answered` is answered.
fn store(documents: &MemoryOrderStore, order_id: &OrderId, customer: &str, answered: u64) {
    let json = sample::document(order_id, Status::Confirmed);
    let mut order = Order::from_document(&json).expect("a document");
    // As late as the facts of these tests.
    order.version = Version(20);
    order.customer_id = Some(customer.parse().expect("a party id"));
    put(documents, &order, answered);
}

fn put(documents: &MemoryOrderStore, order: &Order, answered: u64) {
    let document = DocumentWrite {
        order_id: order.order_id.clone(),
        json: order.to_document().into(),
        status: order.status,
        changed_at: order.updated_at,
        parties: OrderParties::from(order),
        previous: None,
        rebuilt: false,
        late: false,
        due: None,
    };
    write(documents, home(&order.order_id), answered, vec![document]);
}

fn write(documents: &MemoryOrderStore, partition: Partition, answered: u64, orders: Vec<DocumentWrite>) {
    documents.with_store(|store| {
        let expected = store.token(partition);
        let sequence = expected.map_or(1, |token| token.sequence + 1);
        let write = StoreWrite {
            partition,
            expected,
            next: Token { acquisition: 1, sequence },
            offset: Offset(answered),
            answered: Offset(answered),
            basis: Default::default(),
            documents: orders,
            outcomes: Vec::new(),
        };
        let _ = store.write(&write);
    });
}

async fn next(subscription: &mut PartySubscription) -> Seen {
    // The paused clock passes at once when every task waits.
    match tokio::time::timeout(Duration::from_secs(600), subscription.next()).await.expect("a fact in time") {
        Some(FeedEvent::Fact(logged)) => {
            (logged.partition, logged.offset, logged.fact.order_id.clone(), logged.fact.version.0)
        }
        other => panic!("a fact was expected: {other:?}"),
    }
}

async fn is_quiet(subscription: &mut PartySubscription) -> bool {
    tokio::time::timeout(Duration::from_millis(1), subscription.next()).await.is_err()
}

fn hubs() -> (CountedBus, MemoryOrderStore, Hub, PartyHub) {
    let (counted, documents) = (CountedBus::new(), MemoryOrderStore::new(PARTITIONS));
    let facts = counted.hub(HubOptions::default());
    let hub = PartyHub::new(facts.clone(), Arc::new(documents.clone()));
    (counted, documents, facts, hub)
}

#[tokio::test(start_paused = true)]
async fn a_party_gets_the_facts_of_its_orders_also_of_orders_from_before_the_hub() {
    let (counted, documents, _facts, hub) = hubs();
    let (hers, theirs, also_hers) = (order(0, 0), order(0, 1), order(2, 0));
    for (order_id, customer) in [(&hers, "ann"), (&theirs, "bob"), (&also_hers, "ann")] {
        counted.append(order_id, 1);
        store(&documents, order_id, customer, 1);
    }
    let mut subscription = hub.subscribe_from(customer("ann"), &Positions::new()).await.expect("it starts");
    let courier = Party { role: Actor::Courier, ..customer("ann") };
    let mut other_role = hub.subscribe_from(courier, &Positions::new()).await.expect("it starts");
    let mut expected = Vec::new();
    for version in 2..20 {
        for order_id in [&hers, &theirs, &also_hers] {
            expected.push(counted.append(order_id, version));
        }
    }
    expected.retain(|fact| fact.2 != theirs);
    let mut seen = Vec::new();
    while seen.len() < expected.len() {
        seen.push(next(&mut subscription).await);
    }
    for partition in (0..PARTITIONS).map(Partition) {
        let of =
            |facts: &[Seen]| facts.iter().filter(|fact| fact.0 == partition).cloned().collect::<Vec<_>>();
        assert_eq!(of(&seen), of(&expected));
    }
    assert!(is_quiet(&mut subscription).await && is_quiet(&mut other_role).await);
}

#[tokio::test(start_paused = true)]
async fn a_fact_waits_for_its_document_and_delays_no_other_subscriber() {
    let (counted, documents, facts, hub) = hubs();
    let order_id = order(1, 0);
    let mut all = facts.subscribe(Filter::All).await.expect("it starts");
    let mut subscription = hub.subscribe_from(customer("ann"), &Positions::new()).await.expect("it starts");
    let fact = counted.append(&order_id, 1);
    assert_eq!(take(&mut all, 1).await, std::slice::from_ref(&fact));
    assert!(is_quiet(&mut subscription).await, "the store has no checkpoint");
    write(&documents, home(&order_id), 0, Vec::new());
    assert!(is_quiet(&mut subscription).await, "the store is behind the log");
    assert_eq!(subscription.positions()[&home(&order_id)], fact.1, "the fact is not yielded yet");
    documents.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    assert!(is_quiet(&mut subscription).await, "the store is unavailable");
    documents.set_faults(Faults::none());
    let positions = subscription.positions();
    let mut resumed = hub.subscribe_from(customer("ann"), &positions).await.expect("it starts");
    store(&documents, &order_id, "ann", 1);
    assert_eq!(next(&mut subscription).await, fact);
    assert_eq!(next(&mut resumed).await, fact, "a subscription from its positions has no gap");
}

#[tokio::test(start_paused = true)]
async fn a_forged_fact_of_no_order_is_omitted_once_the_store_has_caught_up() {
    let (counted, documents, _facts, hub) = hubs();
    let (forged, real) = (order(0, 7), order(0, 0));
    let mut subscription = hub.subscribe_from(customer("ann"), &Positions::new()).await.expect("it starts");
    counted.append(&forged, 1);
    let fact = counted.append(&real, 1);
    store(&documents, &real, "ann", 2);
    assert_eq!(next(&mut subscription).await, fact);
}

#[tokio::test(start_paused = true)]
async fn a_closed_hub_ends_a_subscription_that_waits_for_a_document() {
    let (counted, _documents, facts, hub) = hubs();
    let mut subscription = hub.subscribe_from(customer("ann"), &Positions::new()).await.expect("it starts");
    counted.append(&order(0, 0), 1);
    assert!(is_quiet(&mut subscription).await);
    facts.close();
    let event = subscription.next().await;
    assert!(matches!(event, Some(FeedEvent::Closed(FeedError::ShutDown))), "{event:?}");
    assert!(subscription.next().await.is_none());
}

/// The next fact of an order, as its owner writes it: into the log, and later into the store.
fn assign(order: &Order, courier: Option<&str>) -> (Fact, Order) {
    let change = Change::Assigned { courier_id: courier.map(|id| id.parse().expect("a party id")) };
    let cause = Cause::Request { request: RequestId::parse("r").expect("an id"), offset: Offset(0) };
    let (id, version) = (order.order_id.clone(), order.version.next());
    let fact = Fact::new(id, version, order.status, change, Timestamp::default(), Actor::Operator, cause);
    let after = evolve(Some(order.clone()), &fact).expect("the next fact");
    (fact, after)
}

#[tokio::test(start_paused = true)]
async fn an_assignment_reaches_both_couriers_and_later_facts_the_new_one() {
    let (counted, documents, _facts, hub) = hubs();
    let order_id = order(0, 0);
    let json = sample::document(&order_id, Status::Confirmed);
    let mut placed = Order::from_document(&json).expect("a document");
    placed.courier_id = Some("ann".parse().expect("a party id"));
    put(&documents, &placed, 0);
    let courier = |id: &str| Party { role: Actor::Courier, id: id.parse().expect("a party id") };
    let mut ann = hub.subscribe_from(courier("ann"), &Positions::new()).await.expect("it starts");
    let mut bob = hub.subscribe_from(courier("bob"), &Positions::new()).await.expect("it starts");
    let mut eve = hub.subscribe_from(courier("eve"), &Positions::new()).await.expect("it starts");
    // A forged assignment is no reason to show the order to its courier.
    let (forged, _) = assign(&placed, Some("eve"));
    counted.append_bytes(&order_id, wire::encode_fact(&forged));
    assert!(is_quiet(&mut ann).await && is_quiet(&mut eve).await, "the store is behind the log");
    let (fact, assigned) = assign(&placed, Some("bob"));
    let change = assigned.history.last().and_then(|entry| entry.assignment.clone());
    assert_eq!(change, Some(Assignment::new(assigned.courier_id.clone(), placed.courier_id.clone())));
    let at = counted.append_bytes(&order_id, wire::encode_fact(&fact));
    put(&documents, &assigned, at.0 + 1);
    // The two facts have one version; the document decides whom they concern.
    for subscription in [&mut ann, &mut bob] {
        assert_eq!(next(subscription).await.3, fact.version.0);
        assert_eq!(next(subscription).await.1, at);
    }
    let later = counted.append(&order_id, fact.version.0 + 1);
    assert_eq!(next(&mut bob).await, later);
    assert!(is_quiet(&mut ann).await && is_quiet(&mut eve).await);
}
