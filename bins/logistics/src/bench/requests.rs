//! Throughput of single calls of the API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use logistics_core::port::Topic;
use logistics_core::{OrderId, Policy};

use super::fixture::{FACTS, place, reached, start};
use super::load::{Load, get_order, post_order};
use super::progress::Progress;
use super::stats::{Figure, rate};
use super::{BenchArgs, scratch};
use logistics_cli_kit::Failure;

/// Orders that `get` reads.
pub(super) const GET_ORDERS: u64 = 20_000;
const SHOWN_EVERY: Duration = Duration::from_millis(250);

/// `POST /orders`, answered when the order is durable, without a processor.
pub(super) async fn post(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let dir = scratch()?;
    let app = start(dir.path(), Policy::simulate(0), false).await?;
    let figures = measure(app.addr(), args, "post", Arc::new(|_| post_order())).await?;
    app.stop().await?;
    Ok(figures)
}

/// `GET /orders/{id}` of orders that are spread over the log.
pub(super) async fn get(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let dir = scratch()?;
    let app = start(dir.path(), Policy::simulate(0), true).await?;
    let progress = Progress::new("get: placing", GET_ORDERS);
    let placed = place(&app.engine.bus(), 0, GET_ORDERS, &progress).await?;
    reached(&app.engine, Topic::Orders, GET_ORDERS * (1 + FACTS), &progress).await?;
    drop(progress);
    let figures = measure(app.addr(), args, "get", gets(&placed)).await?;
    app.stop().await?;
    Ok(figures)
}

/// An endless cycle of requests for these orders.
pub(super) fn gets(placed: &[OrderId]) -> Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> {
    let requests: Vec<Vec<u8>> = placed.iter().map(|order_id| get_order(order_id.as_str())).collect();
    // A stride without a common divisor visits all orders, and never two neighbours in a row.
    Arc::new(move |n: u64| requests[(n * 7919 % requests.len() as u64) as usize].clone())
}

/// Sends `--orders` requests as fast as the server answers.
pub(super) async fn measure(
    addr: SocketAddr,
    args: &BenchArgs,
    scenario: &'static str,
    request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
) -> Result<Vec<Figure>, Failure> {
    let answered = Arc::new(AtomicU64::new(0));
    let progress = Progress::new(scenario, args.orders());
    let load = Load {
        addr,
        connections: args.connections.into(),
        total: args.orders(),
        request,
        answered: answered.clone(),
    };
    let mut load = std::pin::pin!(load.run());
    let loaded = loop {
        match tokio::time::timeout(SHOWN_EVERY, &mut load).await {
            Ok(loaded) => break loaded?,
            Err(_) => progress.set(answered.load(Ordering::Relaxed)),
        }
    };
    let mut figures =
        vec![Figure::new(scenario, "requests answered", rate(args.orders(), loaded.elapsed), "requests/s")];
    figures.extend(loaded.latencies.figures(scenario, "latency"));
    Ok(figures)
}
