//! Throughput of whole orders.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use logistics_core::Policy;
use logistics_core::port::Topic;

use super::fixture::{FACTS, place, reached, start, stop_and_verify};
use super::load::{Load, post_order};
use super::progress::Progress;
use super::stats::{Figure, rate};
use super::{BenchArgs, scratch};
use logistics_cli_kit::Failure;

/// Orders are accepted without a processor; after a restart, they are decided and delivered.
pub(super) async fn drain(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let (dir, orders) = (scratch()?, args.orders());
    let paused = start(dir.path(), Policy::simulate(0), false).await?;
    let begun = Instant::now();
    let progress = Progress::new("drain: accepting", orders);
    place(&paused.engine.bus(), 0, orders, &progress).await?;
    let accepted = begun.elapsed();
    drop(progress);
    paused.stop().await?;

    let begun = Instant::now();
    let app = start(dir.path(), Policy::simulate(0), true).await?;
    let drained = delivered(&app, orders, "drain: delivering").await? - begun;
    stop_and_verify(app, dir.path(), orders).await?;
    let total = accepted + drained;
    Ok(vec![
        Figure::new("drain", "orders accepted, durable", rate(orders, accepted), "orders/s"),
        Figure::new("drain", "orders drained PLACED to DELIVERED", rate(orders, drained), "orders/s"),
        Figure::new("drain", "both, one after the other", rate(orders, total), "orders/s"),
    ])
}

/// Orders arrive over HTTP while the processor decides them. The measurement ends with the last DELIVERED.
pub(super) async fn http(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let (dir, orders) = (scratch()?, args.orders());
    let app = start(dir.path(), Policy::simulate(0), true).await?;
    let load = Load {
        addr: app.addr(),
        connections: args.connections.into(),
        total: orders,
        request: Arc::new(|_| post_order()),
        answered: Arc::new(AtomicU64::new(0)),
    };
    let begun = Instant::now();
    let (loaded, done) = tokio::join!(load.run(), delivered(&app, orders, "http: delivering"));
    let (loaded, elapsed) = (loaded?, done? - begun);
    stop_and_verify(app, dir.path(), orders).await?;
    let mut figures =
        vec![Figure::new("http", "orders placed over HTTP and delivered", rate(orders, elapsed), "orders/s")];
    figures.extend(loaded.latencies.figures("http", "POST /orders during it"));
    Ok(figures)
}

/// Waits for all facts and notifications of `orders` orders, and returns the time.
async fn delivered(app: &crate::all_in_one::AllInOne, orders: u64, what: &str) -> Result<Instant, Failure> {
    // An input and its facts.
    let progress = Progress::new(what, orders * (1 + FACTS));
    let facts = reached(&app.engine, Topic::Orders, orders * (1 + FACTS), &progress).await?;
    let notifications = reached(&app.engine, Topic::Notifications, orders * FACTS, &progress).await?;
    Ok(facts.max(notifications))
}
