//! Finding an order: absent, unknown yet, or lost by the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::port::{DocumentLookup, ListQuery, OrderReader, Page, PortError, StoreCheckpoint};
use logistics_core::{Order, OrderId, Partition, RequestId, RequestOutcome, Status, Version, partition_of};
use logistics_service::{Options, OrderService, Place, ServiceError, Transition};
use logistics_testkit::{Faults, MemoryBus, sample};
use logistics_tokio::SystemClock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::world::{CALLER, PARTITIONS, World};

/// Another id, in the partition of this one.
fn neighbour(id: &OrderId) -> OrderId {
    sample::order_id_in(partition_of(id, PARTITIONS), PARTITIONS, 7)
}

async fn found(world: &World, id: &OrderId) -> Result<Option<Version>, ServiceError> {
    world.service.find(&CALLER, id).await.map(|document| document.version)
}

#[tokio::test(start_paused = true)]
async fn an_order_is_its_document_and_version() {
    let world = World::new();
    let id = world.placed().await;
    let document = world.service.find(&CALLER, &id).await.expect("it is there");
    let order = Order::from_document(&document.json).expect("the document as the core writes it");
    assert_eq!((order.order_id, order.status, document.version), (id, Status::Placed, Some(Version(1))));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_known_to_be_absent_is_not_found() {
    let world = World::new();
    let id = sample::order_id(1);
    assert_eq!(found(&world, &id).await, Err(ServiceError::NotReady), "the store knows no partition");
    world.decide();
    assert_eq!(found(&world, &id).await, Err(ServiceError::NotFound));
    // An id of the last minute may be on its way into the log.
    let young = OrderId::generate(sample::time(-1000), [1; 10]);
    assert_eq!(found(&world, &young).await, Err(ServiceError::NotReady));
    let old = OrderId::generate(sample::time(-60_000), [1; 10]);
    assert_eq!(found(&world, &old).await, Err(ServiceError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn an_order_is_not_absent_while_the_store_is_behind_the_log() {
    let world = World::new();
    world.decide();
    let placed = world.service.place(&CALLER, Place::default()).await.expect("the log takes it");
    let other = neighbour(placed.order_id());
    let began = Instant::now();
    assert_eq!(found(&world, &other).await, Err(ServiceError::NotReady));
    assert_eq!(began.elapsed().as_millis(), 2_500, "it waits for the store to catch up");
    world.decide();
    assert_eq!(found(&world, &other).await, Err(ServiceError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_about_to_be_in_the_store_is_waited_for() {
    let world = World::new();
    let placed = world.service.place(&CALLER, Place::default()).await.expect("the log takes it");
    let (found, ()) = tokio::join!(found(&world, placed.order_id()), async { world.decide() });
    assert_eq!(found, Ok(Some(Version(1))));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_a_partition_is_rebuilding() {
    let world = World::new();
    let id = neighbour(&world.placed().await);
    assert_eq!(found(&world, &id).await, Err(ServiceError::NotFound));
    world.store.with_store(logistics_testkit::MemoryStore::wipe);
    assert_eq!(found(&world, &id).await, Err(ServiceError::Rebuilding));
    world.decide();
    assert_eq!(found(&world, &id).await, Err(ServiceError::NotFound), "it was rebuilt");
}

#[tokio::test(start_paused = true)]
async fn an_older_copy_of_the_store_is_never_shown_after_a_newer_state() {
    let world = World::new();
    let id = world.placed().await;
    let older = world.store.with_store(|store| store.snapshot());
    let confirm = world.service.transition(&CALLER, Transition::to(id.clone(), Status::Confirmed));
    let (confirmed, ()) = tokio::join!(confirm, async { world.decide() });
    assert!(confirmed.is_ok(), "{confirmed:?}");
    world.store.with_store(|store| store.restore(&older));
    assert_eq!(found(&world, &id).await, Err(ServiceError::Rebuilding));
    assert_eq!(world.service.history(&CALLER, &id).await, Err(ServiceError::Rebuilding));
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_document_is_lost_is_never_absent() {
    let world = World::new();
    let id = world.placed().await;
    world.store.with_store(|store| store.lose_document(&id));
    assert_eq!(found(&world, &id).await, Err(ServiceError::Rebuilding));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_wait() {
    let world = World::new();
    let shutdown = CancellationToken::new();
    let service = world.service.with_shutdown(shutdown.clone());
    let id = sample::order_id(1);
    let began = Instant::now();
    let (found, ()) = tokio::join!(service.find(&CALLER, &id), async { shutdown.cancel() });
    assert_eq!((found, began.elapsed()), (Err(ServiceError::NotReady), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_history_is_that_of_the_document() {
    let world = World::new();
    let id = world.placed().await;
    let document = world.service.find(&CALLER, &id).await.expect("it is there").json;
    let history = world.service.history(&CALLER, &id).await.expect("it is there");
    let events: Vec<logistics_core::HistoryEntry> =
        serde_json::from_slice(&history.events).expect("an array of facts");
    assert_eq!(events, Order::from_document(&document).expect("an order").history);
    assert_eq!((history.order_id, history.version), (id, Version(1)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_unavailable() {
    let world = World::new();
    world.store.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    assert_eq!(found(&world, &sample::order_id(1)).await, Err(ServiceError::Unavailable));
}

/// A store that never answers.
struct Silent;

#[async_trait]
impl OrderReader for Silent {
    async fn document(&self, _: &OrderId) -> Result<DocumentLookup, PortError> {
        std::future::pending().await
    }

    async fn checkpoint(&self, _: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        std::future::pending().await
    }

    async fn list(&self, _: &ListQuery) -> Result<Page, PortError> {
        std::future::pending().await
    }

    async fn outcome(&self, _: &OrderId, _: &RequestId) -> Result<RequestOutcome, PortError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_port_is_bounded_in_time() {
    let bus = Arc::new(MemoryBus::new(PARTITIONS));
    let mut options = Options::default();
    options.port_timeout_ms = 300;
    let service = OrderService::new(bus, Arc::new(Silent), Arc::new(SystemClock), options);
    let began = Instant::now();
    assert_eq!(service.find(&CALLER, &sample::order_id(1)).await, Err(ServiceError::Unavailable));
    assert_eq!(began.elapsed().as_millis(), 300);
}
