//! A log full of orders: decided, and what is derived from it derived again.

use logistics_cli_kit::Failure;
use logistics_core::Status;

use super::deliveries::{Delivered, Deliveries};
use super::service::{NO_DWELL, Service};
use super::world::World;
use crate::bench::BenchArgs;
use crate::bench::stats::{Figure, peak_mb, processor_time, rate};
use crate::bench::world::FACTS;

/// Orders that stand in the log, with nobody deciding; then a processor starts.
///
/// # Errors
/// Where an order is missing, or an invariant does not hold.
pub(super) async fn drain(world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.orders();
    let Drained { processor, delivered } = drained(world, orders, "drain").await?;
    let stored = world.until_stored(delivered.latest, Status::Delivered).await?;
    let (process, started) = (processor.process(), processor.begun());
    let peak = peak_mb(&process).unwrap_or_default();
    let used = processor_time(&process).unwrap_or_default();
    processor.stop().await?;
    world.verify(orders).await?;
    let figure = |what: &str, value: f64, unit| Figure::new("drain", what, value, unit);
    let since = |earlier| delivered.last - earlier;
    Ok(vec![
        figure("orders drained, from the first DELIVERED", rate(orders, since(delivered.first)), "orders/s"),
        figure("orders drained, from the start of the process", rate(orders, since(started)), "orders/s"),
        figure("all in Redis, after the last DELIVERED", (stored - delivered.last).as_secs_f64() * 1e3, "ms"),
        figure("resident at most, order-processor", peak, "MB"),
        figure("processor time, order-processor", used.as_secs_f64(), "s"),
    ])
}

/// A processor starts on a log whose orders are delivered, and on a store that has lost everything.
///
/// # Errors
/// Where an order is missing, or an invariant does not hold.
pub(super) async fn recovery(world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.orders();
    let Drained { processor, delivered } = drained(world, orders, "recovery").await?;
    world.until_stored(delivered.latest.clone(), Status::Delivered).await?;
    processor.stop().await?;
    world.lose_the_store().await?;

    let mut processor = Service::processor(world, NO_DWELL)?;
    let ready = processor.ready(world.partitions()).await?;
    let stored = world.until_stored(delivered.latest, Status::Delivered).await?;
    let complete = ready.max(stored - processor.begun());
    let peak = peak_mb(&processor.process()).unwrap_or_default();
    processor.stop().await?;
    world.verify(orders).await?;
    // An input and its facts; what Kafka itself writes between them does not count.
    let records = orders * (1 + FACTS);
    let figure = |what: &str, value: f64, unit| Figure::new("recovery", what, value, unit);
    Ok(vec![
        figure("records of the log read and stored", rate(records, complete), "records/s"),
        figure("start until ready", ready.as_secs_f64(), "s"),
        figure("start until all is in Redis", complete.as_secs_f64(), "s"),
        figure("resident at most, order-processor", peak, "MB"),
    ])
}

/// Orders that a processor, which still runs, has delivered.
struct Drained {
    processor: Service,
    delivered: Delivered,
}

async fn drained(world: &World, orders: u64, scenario: &str) -> Result<Drained, Failure> {
    world.place(orders, &format!("{scenario}: placing")).await?;
    let deliveries = Deliveries::follow(&world.bus).await?;
    let processor = Service::processor(world, NO_DWELL)?;
    let delivered = deliveries.wait(orders, &format!("{scenario}: delivering")).await?;
    Ok(Drained { processor, delivered })
}
