//! The use cases behind routes of your own, in an axum server.
//!
//! `cargo run -p logistics-service --example in_axum`, then `curl -X POST http://localhost:8080/baskets/4711/order`

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use logistics_core::{OrderId, Policy, processor};
use logistics_service::{IdempotencyKey, Options, OrderService, Place, Principal, ServiceError};
use logistics_testkit::{MemoryBus, MemoryOrderStore};
use logistics_tokio::{Processors, ProcessorsOptions, SystemClock};

const PARTITIONS: u32 = 4;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In memory, for the example: logistics-embedded has the same ports over one durable file.
    let bus = Arc::new(MemoryBus::new(PARTITIONS));
    let store = Arc::new(MemoryOrderStore::new(PARTITIONS));
    let clock = Arc::new(SystemClock);
    let settings = processor::Settings::new(PARTITIONS, Policy::manual());
    let options = ProcessorsOptions::default();
    let _running = Processors::start(bus.clone(), store.clone(), clock.clone(), settings, options);

    let service = OrderService::new(bus, store, clock, Options::default());
    let app = Router::new()
        .route("/baskets/{basket}/order", post(order_basket))
        .route("/orders/{id}", get(find))
        .with_state(service);
    Ok(axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await?)
}

/// Orders a basket. The basket's name is the idempotency key, so a repeated call returns the same order.
async fn order_basket(State(service): State<OrderService>, Path(basket): Path<String>) -> Response {
    let Ok(key) = IdempotencyKey::parse(&basket) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut place = Place::default();
    place.idempotency_key = Some(key);
    let placed = service.place(&Principal::anonymous(), place).await;
    placed.map_or_else(failed, |placed| placed.order_id().to_string().into_response())
}

async fn find(State(service): State<OrderService>, Path(id): Path<String>) -> Response {
    let Ok(id) = OrderId::parse(&id) else { return StatusCode::BAD_REQUEST.into_response() };
    service.find(&Principal::anonymous(), &id).await.map_or_else(failed, |order| order.json.into_response())
}

fn failed(error: ServiceError) -> Response {
    let status = match error {
        ServiceError::NotFound => StatusCode::NOT_FOUND,
        ServiceError::Rejected(_) => StatusCode::CONFLICT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, error.to_string()).into_response()
}
