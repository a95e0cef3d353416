//! Throughput and latency over HTTP.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use logistics_cli_kit::Failure;
use logistics_core::Status;

use super::deliveries::Deliveries;
use super::fixture::Fixture;
use super::service::{NO_DWELL, Service};
use crate::bench::BenchArgs;
use crate::bench::load::{Load, post_order};
use crate::bench::requests::{GET_ORDERS, gets, measure};
use crate::bench::stats::{Figure, rate};
use crate::bench::steady::{self, ORDERS_PER_SECOND, WHAT};

/// Orders arrive over HTTP while the processor decides them. The measurement ends with the last DELIVERED.
///
/// # Errors
/// If an order is missing, or an invariant is violated.
pub(super) async fn http(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.orders();
    let (api, processor) = both(fixture).await?;
    let deliveries = Deliveries::follow(&fixture.bus).await?;
    let load = Load {
        addr: api.addr(),
        connections: args.connections.into(),
        total: orders,
        request: Arc::new(|_| post_order()),
        answered: Arc::new(AtomicU64::new(0)),
    };
    let begun = Instant::now();
    let (loaded, delivered) = tokio::try_join!(load.run(), deliveries.wait(orders, "http: delivering"))?;
    stop_and_verify(fixture, api, processor, orders).await?;
    let placed = rate(orders, delivered.last - begun);
    let mut figures = vec![
        Figure::new("http", "orders placed over HTTP and delivered", placed, "orders/s"),
        Figure::new("http", "placed over HTTP", rate(orders, loaded.elapsed), "orders/s"),
    ];
    figures.extend(loaded.latencies.figures("http", "POST /orders during it"));
    Ok(figures)
}

/// Measures from before the request is sent until the DELIVERED fact can be read from the log.
///
/// # Errors
/// If an order is missing, or an invariant is violated.
pub(super) async fn steady(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.seconds * ORDERS_PER_SECOND;
    let (api, processor) = both(fixture).await?;
    let latencies = steady::measure(fixture.bus.clone(), api.addr(), orders).await?;
    stop_and_verify(fixture, api, processor, orders).await?;
    Ok(latencies.figures("steady", WHAT))
}

/// `POST /orders`, answered when the order is durable, without a processor.
///
/// # Errors
/// If a request is not answered with 200.
pub(super) async fn post(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let api = Service::api(fixture).await?;
    let figures = measure(api.addr(), args, "post", Arc::new(|_| post_order())).await?;
    api.stop().await?;
    Ok(figures)
}

/// `GET /orders/{id}` of delivered orders, without a processor.
///
/// # Errors
/// If a request is not answered with 200.
pub(super) async fn get(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let placed = fixture.place(GET_ORDERS, "get: placing").await?;
    let processor = Service::processor(fixture, NO_DWELL)?;
    fixture.until_stored(placed.clone(), Status::Delivered).await?;
    processor.stop().await?;
    let api = Service::api(fixture).await?;
    let figures = measure(api.addr(), args, "get", gets(&placed)).await?;
    api.stop().await?;
    Ok(figures)
}

/// The API and a processor, both ready.
async fn both(fixture: &Fixture) -> Result<(Service, Service), Failure> {
    let mut processor = Service::processor(fixture, NO_DWELL)?;
    let api = Service::api(fixture).await?;
    processor.ready(fixture.partitions()).await?;
    Ok((api, processor))
}

/// Stops the API and the processor, then audits the log and the store.
async fn stop_and_verify(
    fixture: &Fixture,
    api: Service,
    processor: Service,
    orders: u64,
) -> Result<(), Failure> {
    api.stop().await?;
    processor.stop().await?;
    fixture.verify(orders).await
}
