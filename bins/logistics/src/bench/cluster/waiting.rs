//! An idle processor: with waiting orders, and without orders.

use std::time::Duration;

use logistics_cli_kit::Failure;
use logistics_core::Status;

use super::fixture::Fixture;
use super::service::Service;
use crate::bench::stats::{Figure, rate, resident_mb};
use crate::bench::timers::FOREVER_MS;
use crate::bench::{BenchArgs, idle as common};

/// A pause before the measurement, so that the start is not part of it.
const SETTLE: Duration = Duration::from_secs(5);
/// The last placed orders, whose documents are checked. More than the maximum number of concurrent appends.
const LAST: usize = 2048;

/// The memory and the restart of a processor whose live orders wait for a year.
///
/// # Errors
/// If an order does not reach the store.
pub(super) async fn timers(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let live = args.live_orders;
    let forever = format!("{FOREVER_MS}ms");
    let settings = [
        ("LOGISTICS_MODE", "simulate"),
        ("LOGISTICS_DWELL", &*forever),
        ("LOGISTICS_ACCEPT_DEADLINE", &*forever),
    ];
    let mut processor = Service::processor(fixture, &settings)?;
    processor.ready(fixture.partitions()).await?;
    let begun = std::time::Instant::now();
    let mut placed = fixture.place(live, "timers: placing live orders").await?;
    let last = placed.split_off(placed.len().saturating_sub(LAST));
    let stored = fixture.until_stored(last, Status::Placed).await?;
    let loaded_mb = resident(&processor);
    processor.stop().await?;

    let mut processor = Service::processor(fixture, &settings)?;
    let restarted = processor.ready(fixture.partitions()).await?;
    let restarted_mb = resident(&processor);
    processor.stop().await?;
    let figure = |what: String, value: f64, unit| Figure::new("timers", what, value, unit);
    Ok(vec![
        figure("live orders placed and stored in Redis".into(), rate(live, stored - begun), "orders/s"),
        figure(format!("resident with {live} live orders, after storing"), loaded_mb, "MB"),
        figure("restart until ready".into(), restarted.as_secs_f64(), "s"),
        figure("resident after the restart".into(), restarted_mb, "MB"),
    ])
}

/// A processor without orders.
///
/// # Errors
/// If it does not start.
pub(super) async fn idle(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let mut processor = Service::processor(fixture, &[])?;
    let started = processor.ready(fixture.partitions()).await?;
    tokio::time::sleep(SETTLE).await;
    let during = Duration::from_secs(args.seconds);
    let figures = common::figures(&processor.process(), started, during).await;
    processor.stop().await?;
    Ok(figures)
}

fn resident(service: &Service) -> f64 {
    resident_mb(&service.process()).unwrap_or_default()
}
