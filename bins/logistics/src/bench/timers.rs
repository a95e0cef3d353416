//! Live orders with timers: their memory, and the lateness of timers when many are due.

use std::time::{Duration, Instant};

use logistics_core::port::{Clock, Topic};
use logistics_core::{Policy, Status};
use logistics_tokio::SystemClock;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::fixture::{place, reached, start};
use super::progress::Progress;
use super::stats::{Figure, Latencies, rate, resident_mb};
use super::steady::{ObservedFact, follow};
use super::{BenchArgs, scratch};
use crate::all_in_one::AllInOne;
use logistics_cli_kit::Failure;

const DUE_PER_SECOND: u64 = 5000;
const BURSTS_PER_SECOND: u64 = 20;
/// The dwell of the orders that become due.
const DWELL_MS: u64 = 3000;
pub(super) const FOREVER_MS: u64 = 365 * 24 * 60 * 60 * 1000;
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) async fn timers(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let (dir, live) = (scratch()?, args.live_orders);
    // These orders have no due timer for a year.
    let mut policy = Policy::simulate(FOREVER_MS);
    policy.accept_ms = FOREVER_MS;
    let app = start(dir.path(), policy.clone(), true).await?;
    let progress = Progress::new("timers: placing live orders", live);
    let begun = Instant::now();
    for from in (0..live).step_by(10_000) {
        place(&app.engine.bus(), from, 10_000.min(live - from), &progress).await?;
    }
    reached(&app.engine, Topic::Orders, live * 2, &progress).await?;
    drop(progress);
    let placed = rate(live, begun.elapsed());
    let loaded_mb = resident_mb("self").unwrap_or_default();
    app.stop().await?;

    // Each order that is placed from here on is confirmed after the dwell, and then stays.
    policy.dwell_by_status_ms.insert(Status::Placed, DWELL_MS);
    let begun = Instant::now();
    let app = start(dir.path(), policy, true).await?;
    ready(&app).await?;
    let restarted = begun.elapsed();
    let lateness = measure_lateness(&app, live, args.seconds * DUE_PER_SECOND).await?;
    let due_mb = resident_mb("self").unwrap_or_default();
    app.stop().await?;
    let mut figures = vec![
        Figure::new("timers", "live orders placed", placed, "orders/s"),
        Figure::new("timers", format!("resident with {live} live orders, after placing"), loaded_mb, "MB"),
        Figure::new("timers", "restart until ready", restarted.as_secs_f64(), "s"),
        Figure::new("timers", "resident, while timers fall due", due_mb, "MB"),
    ];
    figures.extend(lateness.figures("timers", "lateness at 5,000 due a second"));
    Ok(figures)
}

async fn ready(app: &AllInOne) -> Result<(), Failure> {
    let begun = Instant::now();
    while !app.is_ready() {
        if begun.elapsed() > TIMEOUT {
            return Err(Failure::refused("the app did not become ready within 20 s"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Places orders at the rate, and measures from each deadline until its fact can be read from the log.
async fn measure_lateness(app: &AllInOne, from: u64, orders: u64) -> Result<Latencies, Failure> {
    let (bus, burst) = (app.engine.bus(), DUE_PER_SECOND / BURSTS_PER_SECOND);
    let mut facts = follow(bus.clone()).await?;
    let progress = Progress::new("timers: 5,000 due a second", orders);
    let hidden = Progress::new("", 0);
    let placing = async {
        let mut ticks = interval(Duration::from_secs(1) / BURSTS_PER_SECOND as u32);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for n in 0..orders / burst {
            ticks.tick().await;
            place(&bus, from + n * burst, burst, &hidden).await?;
        }
        Ok::<(), Failure>(())
    };
    let watching = async {
        let clock = SystemClock;
        let mut due = std::collections::HashMap::new();
        let mut lateness = Latencies::default();
        while lateness.count() < orders / burst * burst {
            let seen = timeout(TIMEOUT, facts.recv()).await.ok().flatten();
            let ObservedFact { fact, at } =
                seen.ok_or_else(|| Failure::refused("no timer fired for 20 s"))?;
            match (fact.status, fact.deadline) {
                (Status::Placed, Some(deadline)) => _ = due.insert(fact.order_id, deadline.at),
                (Status::Confirmed, _) => {
                    if let Some(due) = due.remove(&fact.order_id) {
                        // The fact was read `at`: subtract the time since then from the wall clock.
                        let late = clock.now().millis_since(due);
                        lateness.add(Duration::from_millis(late).saturating_sub(at.elapsed()));
                        progress.set(lateness.count());
                    }
                }
                _ => {}
            }
        }
        Ok::<Latencies, Failure>(lateness)
    };
    let (placed, lateness) = tokio::join!(placing, watching);
    placed?;
    lateness
}
