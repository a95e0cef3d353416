//! A processor with nothing to do: with orders that wait, and without.

use std::time::Duration;

use logistics_cli_kit::Failure;
use logistics_core::Status;

use super::service::Service;
use super::world::World;
use crate::bench::stats::{Figure, rate, resident_mb};
use crate::bench::timers::FOREVER_MS;
use crate::bench::{BenchArgs, idle as common};

/// Before an idle process is measured, so that the start itself is not in it.
const SETTLE: Duration = Duration::from_secs(5);
/// Orders whose documents are looked for: those that were placed last, and more than there are appends under way.
const LAST: usize = 2048;

/// Live orders that wait for a year: the memory of the processor, and its restart.
///
/// # Errors
/// Where they do not get into the store.
pub(super) async fn timers(world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let live = args.live_orders;
    let forever = format!("{FOREVER_MS}ms");
    let settings = [
        ("LOGISTICS_MODE", "simulate"),
        ("LOGISTICS_DWELL", &*forever),
        ("LOGISTICS_ACCEPT_DEADLINE", &*forever),
    ];
    let mut processor = Service::processor(world, &settings)?;
    processor.ready(world.partitions()).await?;
    let begun = std::time::Instant::now();
    let mut placed = world.place(live, "timers: placing live orders").await?;
    let last = placed.split_off(placed.len().saturating_sub(LAST));
    let stored = world.until_stored(last, Status::Placed).await?;
    let loaded_mb = resident(&processor);
    processor.stop().await?;

    let mut processor = Service::processor(world, &settings)?;
    let restarted = processor.ready(world.partitions()).await?;
    let restarted_mb = resident(&processor);
    processor.stop().await?;
    let figure = |what: String, value: f64, unit| Figure::new("timers", what, value, unit);
    Ok(vec![
        figure("live orders placed and in Redis meanwhile".into(), rate(live, stored - begun), "orders/s"),
        figure(format!("resident with {live} live orders, once in Redis"), loaded_mb, "MB"),
        figure("restart until ready".into(), restarted.as_secs_f64(), "s"),
        figure("resident after the restart".into(), restarted_mb, "MB"),
    ])
}

/// A processor without orders.
///
/// # Errors
/// Where it does not start.
pub(super) async fn idle(world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let mut processor = Service::processor(world, &[])?;
    let started = processor.ready(world.partitions()).await?;
    tokio::time::sleep(SETTLE).await;
    let during = Duration::from_secs(args.seconds);
    let figures = common::figures(&processor.process(), started, during).await;
    processor.stop().await?;
    Ok(figures)
}

fn resident(service: &Service) -> f64 {
    resident_mb(&service.process()).unwrap_or_default()
}
