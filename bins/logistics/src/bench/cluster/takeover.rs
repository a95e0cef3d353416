//! The pause of orders after one of two processors is killed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use logistics_cli_kit::Failure;
use logistics_core::port::PortError;
use logistics_core::{OrderId, Status, wire};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout};

use super::fixture::Fixture;
use super::service::{NO_DWELL, Service};
use crate::bench::BenchArgs;
use crate::bench::fixture::placement;
use crate::bench::progress::Progress;
use crate::bench::stats::{Figure, Latencies};
use crate::bench::steady::{ObservedFact, follow};

const ORDERS_PER_SECOND: u64 = 200;
const POLL: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(60);

/// Orders arrive at a steady rate, and the first processor is killed half way. The figure is the longest time from an
/// order's append to DELIVERED.
///
/// # Errors
/// If an order is missing, or an invariant is violated.
pub(super) async fn takeover(fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let orders = args.seconds * ORDERS_PER_SECOND;
    let mut first = Service::processor(fixture, NO_DWELL)?;
    first.ready(fixture.partitions()).await?;
    let mut second = Service::processor(fixture, NO_DWELL)?;
    shared(&mut first, &mut second, fixture.partitions()).await?;
    let mut facts = follow(fixture.bus.clone()).await?;
    let delivering = delivered(&mut facts, orders);
    let (appended, delivered) = tokio::try_join!(append(fixture, orders, &mut first), delivering)?;
    second.stop().await?;
    fixture.verify(orders).await?;
    let (mut longest, mut latencies) = (Duration::ZERO, Latencies::default());
    for (order_id, begun) in appended {
        let at = delivered.get(&order_id);
        let at = at.ok_or_else(|| Failure::refused(format!("{order_id} was not delivered")))?;
        longest = longest.max(*at - begun);
        latencies.add(*at - begun);
    }
    let mut figures = vec![Figure::new("takeover", "longest pause of an order", longest.as_secs_f64(), "s")];
    figures.extend(latencies.figures("takeover", "append to DELIVERED at 200/s"));
    Ok(figures)
}

/// Waits until each of the two processors has partitions, and all partitions are live.
async fn shared(first: &mut Service, second: &mut Service, partitions: u32) -> Result<(), Failure> {
    let begun = Instant::now();
    loop {
        let live = (first.live_partitions().await?, second.live_partitions().await?);
        if let (Some(one), Some(other)) = live
            && one.min(other) > 0
            && one + other == partitions
        {
            return Ok(());
        }
        if begun.elapsed() > TIMEOUT {
            return Err(Failure::refused(
                "the two processors did not share the partitions within 60 s; takeover needs --partitions 2 or more",
            ));
        }
        sleep(POLL).await;
    }
}

/// Appends orders at the rate, however long an append takes. Returns each id with its start time.
async fn append(
    fixture: &Fixture,
    orders: u64,
    victim: &mut Service,
) -> Result<Vec<(OrderId, Instant)>, Failure> {
    let (first, between) = (tokio::time::Instant::now(), Duration::from_secs(1) / ORDERS_PER_SECOND as u32);
    let (mut begun, mut appending) = (Vec::new(), Vec::new());
    for n in 0..orders {
        if n == orders / 2 {
            victim.kill()?;
        }
        sleep_until(first + between * n as u32).await;
        let (request, bus) = (placement(n), fixture.bus.clone());
        begun.push((request.order_id.clone(), Instant::now()));
        appending.push(tokio::spawn(async move {
            bus.append(&request.order_id, wire::encode_request(&request)).await.map(drop)
        }));
    }
    for appended in appending {
        let appended: Result<(), PortError> =
            appended.await.map_err(|_| Failure::refused("an append ended without a result"))?;
        appended.map_err(|error| Failure::of_port("cannot append an order", &error))?;
    }
    Ok(begun)
}

async fn delivered(
    facts: &mut mpsc::UnboundedReceiver<ObservedFact>,
    orders: u64,
) -> Result<HashMap<OrderId, Instant>, Failure> {
    let progress = Progress::new("takeover: delivering", orders);
    let mut delivered = HashMap::new();
    while (delivered.len() as u64) < orders {
        let seen = timeout(TIMEOUT, facts.recv()).await.ok().flatten();
        let ObservedFact { fact, at } = seen.ok_or_else(|| Failure::refused("no fact was read for 60 s"))?;
        if fact.status == Status::Delivered {
            delivered.insert(fact.order_id, at);
            progress.set(delivered.len() as u64);
        }
    }
    Ok(delivered)
}
