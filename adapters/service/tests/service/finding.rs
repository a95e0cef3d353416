//! Finding an order: absent, still unknown, or lost by the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::port::{
    DocumentLookup, ListQuery, OrderReader, Page, PortError, StatusSummary, StoreCheckpoint,
};
use logistics_core::{Order, OrderId, Partition, RequestId, RequestOutcome, Status, Version, partition_of};
use logistics_service::{Options, OrderService, Place, ServiceError, Transition};
use logistics_testkit::{Faults, MemoryBus, sample};
use logistics_tokio::SystemClock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fixture::{CALLER, Fixture, PARTITIONS};

/// Another id in the same partition.
fn neighbour(id: &OrderId) -> OrderId {
    sample::order_id_in(partition_of(id, PARTITIONS), PARTITIONS, 7)
}

async fn found(fixture: &Fixture, id: &OrderId) -> Result<Option<Version>, ServiceError> {
    fixture.service.find(&CALLER, id).await.map(|document| document.version)
}

#[tokio::test(start_paused = true)]
async fn find_returns_document_and_version() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let document = fixture.service.find(&CALLER, &id).await.expect("it is there");
    let order = Order::from_document(&document.json).expect("the document as the core writes it");
    assert_eq!((order.order_id, order.status, document.version), (id, Status::Placed, Some(Version(1))));
}

#[tokio::test(start_paused = true)]
async fn not_found_means_certainly_absent() {
    let fixture = Fixture::new();
    let id = sample::order_id(1);
    assert_eq!(found(&fixture, &id).await, Err(ServiceError::NotReady), "the store has no checkpoint");
    fixture.decide();
    assert_eq!(found(&fixture, &id).await, Err(ServiceError::NotFound));
    // A placement with a young id may not have reached the log.
    let young = OrderId::generate(sample::time(-1000), [1; 10]);
    assert_eq!(found(&fixture, &young).await, Err(ServiceError::NotReady));
    let old = OrderId::generate(sample::time(-60_000), [1; 10]);
    assert_eq!(found(&fixture, &old).await, Err(ServiceError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn a_missing_order_is_not_ready_while_the_store_is_behind_the_log() {
    let fixture = Fixture::new();
    fixture.decide();
    let placed = fixture.service.place(&CALLER, Place::default()).await.expect("the log accepts it");
    let other = neighbour(placed.order_id());
    let began = Instant::now();
    assert_eq!(found(&fixture, &other).await, Err(ServiceError::NotReady));
    assert_eq!(began.elapsed().as_millis(), 2_500, "it waits for the store to catch up");
    fixture.decide();
    assert_eq!(found(&fixture, &other).await, Err(ServiceError::NotFound));
}

#[tokio::test(start_paused = true)]
async fn find_waits_for_an_order_that_the_store_receives_later() {
    let fixture = Fixture::new();
    let placed = fixture.service.place(&CALLER, Place::default()).await.expect("the log accepts it");
    let (found, ()) = tokio::join!(found(&fixture, placed.order_id()), async { fixture.decide() });
    assert_eq!(found, Ok(Some(Version(1))));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_a_partition_is_rebuilding() {
    let fixture = Fixture::new();
    let id = neighbour(&fixture.placed().await);
    assert_eq!(found(&fixture, &id).await, Err(ServiceError::NotFound));
    fixture.store.with_store(logistics_testkit::MemoryStore::wipe);
    assert_eq!(found(&fixture, &id).await, Err(ServiceError::Rebuilding));
    fixture.decide();
    assert_eq!(found(&fixture, &id).await, Err(ServiceError::NotFound), "it was rebuilt");
}

#[tokio::test(start_paused = true)]
async fn an_older_state_of_the_store_is_rebuilding() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let older = fixture.store.with_store(|store| store.snapshot());
    let confirm = fixture.service.transition(&CALLER, Transition::to(id.clone(), Status::Confirmed));
    let (confirmed, ()) = tokio::join!(confirm, async { fixture.decide() });
    assert!(confirmed.is_ok(), "{confirmed:?}");
    fixture.store.with_store(|store| store.restore(&older));
    assert_eq!(found(&fixture, &id).await, Err(ServiceError::Rebuilding));
    assert_eq!(fixture.service.history(&CALLER, &id).await, Err(ServiceError::Rebuilding));
}

#[tokio::test(start_paused = true)]
async fn an_order_with_a_lost_document_is_rebuilding() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    fixture.store.with_store(|store| store.lose_document(&id));
    assert_eq!(found(&fixture, &id).await, Err(ServiceError::Rebuilding));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_wait() {
    let fixture = Fixture::new();
    let shutdown = CancellationToken::new();
    let service = fixture.service.with_shutdown(shutdown.clone());
    let id = sample::order_id(1);
    let began = Instant::now();
    let (found, ()) = tokio::join!(service.find(&CALLER, &id), async { shutdown.cancel() });
    assert_eq!((found, began.elapsed()), (Err(ServiceError::NotReady), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_history_equals_that_of_the_document() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let document = fixture.service.find(&CALLER, &id).await.expect("it is there").json;
    let history = fixture.service.history(&CALLER, &id).await.expect("it is there");
    let events: Vec<logistics_core::HistoryEntry> =
        serde_json::from_slice(&history.events).expect("an array of facts");
    assert_eq!(events, Order::from_document(&document).expect("an order").history);
    assert_eq!((history.order_id, history.version), (id, Version(1)));
}

#[tokio::test(start_paused = true)]
async fn a_failed_store_is_unavailable() {
    let fixture = Fixture::new();
    fixture.store.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    assert_eq!(found(&fixture, &sample::order_id(1)).await, Err(ServiceError::Unavailable));
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

    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        std::future::pending().await
    }

    async fn outcome(&self, _: &OrderId, _: &RequestId) -> Result<RequestOutcome, PortError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_of_a_port_has_a_time_limit() {
    let bus = Arc::new(MemoryBus::new(PARTITIONS));
    let mut options = Options::default();
    options.port_timeout_ms = 300;
    let service = OrderService::new(bus, Arc::new(Silent), Arc::new(SystemClock), options);
    let began = Instant::now();
    assert_eq!(service.find(&CALLER, &sample::order_id(1)).await, Err(ServiceError::Unavailable));
    assert_eq!(began.elapsed().as_millis(), 300);
}
