//! A log full of orders: the time to decide them, and the time to rebuild the store from it.

use logistics_cli_kit::Failure;
use logistics_core::Status;

use super::deliveries::{Delivered, Deliveries};
use super::fixture::Fixture;
use super::service::{NO_DWELL, Service};
use crate::bench::BenchArgs;
use crate::bench::fixture::FACTS;
use crate::bench::stats::{Figure, peak_mb, processor_time, rate};

/// A processor starts on a log of undecided orders.
///
/// # Errors
/// If an order is missing, or an invariant is violated.
pub(super) async fn drain(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.orders();
    let Drained { processor, delivered } = drained(fixture, orders, "drain").await?;
    let stored = fixture.until_stored(delivered.latest, Status::Delivered).await?;
    let (process, started) = (processor.process(), processor.begun());
    let peak = peak_mb(&process).unwrap_or_default();
    let used = processor_time(&process).unwrap_or_default();
    processor.stop().await?;
    fixture.verify(orders).await?;
    let figure = |what: &str, value: f64, unit| Figure::new("drain", what, value, unit);
    let since = |earlier| delivered.last - earlier;
    Ok(vec![
        figure("orders drained, from the first DELIVERED", rate(orders, since(delivered.first)), "orders/s"),
        figure("orders drained, from the start of the process", rate(orders, since(started)), "orders/s"),
        figure("all in Redis, after the last DELIVERED", (stored - delivered.last).as_secs_f64() * 1e3, "ms"),
        figure("peak resident memory, order-processor", peak, "MB"),
        figure("processor time, order-processor", used.as_secs_f64(), "s"),
    ])
}

/// A processor starts on a log of delivered orders and an empty store.
///
/// # Errors
/// If an order is missing, or an invariant is violated.
pub(super) async fn recovery(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.orders();
    let Drained { processor, delivered } = drained(fixture, orders, "recovery").await?;
    fixture.until_stored(delivered.latest.clone(), Status::Delivered).await?;
    processor.stop().await?;
    fixture.wipe_store().await?;

    let mut processor = Service::processor(fixture, NO_DWELL)?;
    let ready = processor.ready(fixture.partitions()).await?;
    let stored = fixture.until_stored(delivered.latest, Status::Delivered).await?;
    let complete = ready.max(stored - processor.begun());
    let peak = peak_mb(&processor.process()).unwrap_or_default();
    processor.stop().await?;
    fixture.verify(orders).await?;
    // An input and its facts. Kafka's own transaction markers do not count.
    let records = orders * (1 + FACTS);
    let figure = |what: &str, value: f64, unit| Figure::new("recovery", what, value, unit);
    Ok(vec![
        figure("records of the log read and stored", rate(records, complete), "records/s"),
        figure("start until ready", ready.as_secs_f64(), "s"),
        figure("start until all is in Redis", complete.as_secs_f64(), "s"),
        figure("peak resident memory, order-processor", peak, "MB"),
    ])
}

/// The delivered orders, and the processor, which still runs.
struct Drained {
    processor: Service,
    delivered: Delivered,
}

async fn drained(fixture: &Fixture, orders: u64, scenario: &str) -> Result<Drained, Failure> {
    fixture.place(orders, &format!("{scenario}: placing")).await?;
    let deliveries = Deliveries::follow(&fixture.bus).await?;
    let processor = Service::processor(fixture, NO_DWELL)?;
    let delivered = deliveries.wait(orders, &format!("{scenario}: delivering")).await?;
    Ok(Drained { processor, delivered })
}
