//! Orders and requests over HTTP.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use logistics_cli_kit::Failure;
use logistics_core::Status;

use super::deliveries::Deliveries;
use super::service::{NO_DWELL, Service};
use super::world::World;
use crate::bench::BenchArgs;
use crate::bench::load::{Load, post_order};
use crate::bench::requests::{GET_ORDERS, gets, measure};
use crate::bench::stats::{Figure, rate};
use crate::bench::steady::{self, ORDERS_PER_SECOND, WHAT};

/// Orders that arrive over HTTP while they are decided; the clock stops when the last is delivered.
///
/// # Errors
/// Where an order is missing, or an invariant does not hold.
pub(super) async fn http(world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.orders();
    let (api, processor) = both(world).await?;
    let deliveries = Deliveries::follow(&world.bus).await?;
    let load = Load {
        addr: api.addr(),
        connections: args.connections.into(),
        total: orders,
        request: Arc::new(|_| post_order()),
        answered: Arc::new(AtomicU64::new(0)),
    };
    let begun = Instant::now();
    let (loaded, delivered) = tokio::try_join!(load.run(), deliveries.wait(orders, "http: delivering"))?;
    stop_and_verify(world, api, processor, orders).await?;
    let placed = rate(orders, delivered.last - begun);
    let mut figures = vec![
        Figure::new("http", "orders placed over HTTP and delivered", placed, "orders/s"),
        Figure::new("http", "of that, placed", rate(orders, loaded.elapsed), "orders/s"),
    ];
    figures.extend(loaded.latencies.figures("http", "POST /orders meanwhile"));
    Ok(figures)
}

/// From before the request is sent until the fact that the order is delivered can be read from the log.
///
/// # Errors
/// Where an order is missing, or an invariant does not hold.
pub(super) async fn steady(world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.seconds * ORDERS_PER_SECOND;
    let (api, processor) = both(world).await?;
    let latencies = steady::measure(world.bus.clone(), api.addr(), orders).await?;
    stop_and_verify(world, api, processor, orders).await?;
    Ok(latencies.figures("steady", WHAT))
}

/// `POST /orders`: each is durable when it is answered; nobody decides.
///
/// # Errors
/// Where a request is not answered well.
pub(super) async fn post(world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let api = Service::api(world).await?;
    let figures = measure(api.addr(), args, "post", Arc::new(|_| post_order())).await?;
    api.stop().await?;
    Ok(figures)
}

/// `GET /orders/{id}` of orders that are delivered; nobody decides any more.
///
/// # Errors
/// Where a request is not answered well.
pub(super) async fn get(world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let placed = world.place(GET_ORDERS, "get: placing").await?;
    let processor = Service::processor(world, NO_DWELL)?;
    world.until_stored(placed.clone(), Status::Delivered).await?;
    processor.stop().await?;
    let api = Service::api(world).await?;
    let figures = measure(api.addr(), args, "get", gets(&placed)).await?;
    api.stop().await?;
    Ok(figures)
}

/// The API and a processor, both ready.
async fn both(world: &World) -> Result<(Service, Service), Failure> {
    let mut processor = Service::processor(world, NO_DWELL)?;
    let api = Service::api(world).await?;
    processor.ready(world.partitions()).await?;
    Ok((api, processor))
}

/// The processor stops once all is in the store, which the audit looks at.
async fn stop_and_verify(
    world: &World,
    api: Service,
    processor: Service,
    orders: u64,
) -> Result<(), Failure> {
    api.stop().await?;
    processor.stop().await?;
    world.verify(orders).await
}
