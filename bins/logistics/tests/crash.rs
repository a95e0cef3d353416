//! The real binary under load is killed with SIGKILL at random moments and started again on the same data. In the end
//! everything that was acknowledged is there, exactly once, and has reached its end.
//!
//! `CRASH_SEED` repeats the choices of a run; the moments at which a process dies still differ.
#![allow(clippy::print_stderr, reason = "the seed of a failure is for people")]

#[path = "crash/load.rs"]
mod load;
mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use load::{Acknowledged, Load};
use logistics_core::audit::{self, Expect, Report};
use logistics_core::lifecycle::Status;
use logistics_core::processor::Settings;
use logistics_core::testkit::Rng;
use logistics_core::{OrderId, Policy};
use logistics_embedded::{Config, Engine};
use logistics_tokio::{Processors, ProcessorsOptions, SystemClock};
use support::{PATIENCE, Process, send, until};

const KILLS: u32 = 30;
/// One kill in so many thousand comes while the process starts.
const DURING_START_PERMILLE: u16 = 200;
const START_MS_MAX: u64 = 60;
const LIVE_MS_MAX: u64 = 300;
/// With nothing to do, the store catches up with the log within this.
const REST_MAX: Duration = Duration::from_secs(15);
/// The load is worth the name.
const ORDERS_MIN: usize = 300;

const FLAGS: [&str; 10] = [
    "--dwell",
    "3ms",
    "--dwell-status",
    "OUT_FOR_DELIVERY=20ms",
    "--return-deadline",
    "20ms",
    "--notifier",
    "none",
    "--log-level",
    "warn",
];

#[test]
fn killed_at_random_moments_it_loses_and_repeats_nothing() {
    let seed = seed();
    eprintln!("CRASH_SEED={seed}");
    let mut rng = Rng::new(seed);
    let data = tempfile::tempdir().expect("a temporary directory");
    let load = Load::start(seed);
    for _ in 0..KILLS {
        crash(data.path(), &load, &mut rng);
    }
    let server = Process::serve(data.path(), &FLAGS);
    let addr = server.addr();
    load.serve_at(addr);
    let acknowledged = load.finish();
    assert!(acknowledged.len() >= ORDERS_MIN, "only {} orders were placed", acknowledged.len());
    for order in &acknowledged {
        let status = until(&format!("{} has reached its end", order.order_id), || terminal(addr, order));
        assert!(!order.cancelled || status == Status::Cancelled, "{order:?} is {status}");
    }
    let ids: BTreeSet<_> = acknowledged.iter().map(|order| &order.order_id).collect();
    assert_eq!(ids.len(), acknowledged.len(), "each key has an order of its own");
    assert!(server.terminate().success());
    let report = verified(data.path());
    eprintln!("{KILLS} kills: {report:?}");
    let orders = u64::try_from(acknowledged.len()).expect("a number of orders");
    assert_eq!((report.orders, report.terminal_orders, report.documents), (orders, orders, orders));
    assert_eq!((report.unanswered, report.timers), (0, 0));
    assert_eq!(report.notifications, report.facts);
}

fn seed() -> u64 {
    let of_the_clock = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::from(since.subsec_nanos())
    };
    std::env::var("CRASH_SEED").map_or_else(|_| of_the_clock(), |seed| seed.parse().expect("a number"))
}

/// One life of the process. Its death comes at a random moment: that is the fault, so here a test sleeps.
fn crash(data: &Path, load: &Load, rng: &mut Rng) {
    let server = Process::serve(data, &FLAGS);
    let lives_ms = if rng.chance(DURING_START_PERMILLE) {
        rng.below(START_MS_MAX)
    } else {
        load.serve_at(server.addr());
        rng.below(LIVE_MS_MAX)
    };
    std::thread::sleep(Duration::from_millis(lives_ms));
    server.kill();
}

/// The status of an order that is there, once it is a terminal one.
fn terminal(addr: std::net::SocketAddr, order: &Acknowledged) -> Option<Status> {
    let reply = send(addr, "GET", &format!("/orders/{}", order.order_id), &[], "").expect("it serves");
    if reply.status == 503 {
        return None;
    }
    assert_eq!(reply.status, 200, "{order:?} was acknowledged: {reply:?}");
    let document = reply.json();
    assert_eq!(document["customer_id"], order.key, "{document}");
    document["status"].as_str().and_then(Status::from_name).filter(|status| status.is_terminal())
}

/// What an audit counts once the store has caught up with the log, which it does by itself where there are processors.
#[tokio::main]
async fn verified(data: &Path) -> Report {
    let engine = Engine::open(Config::new(data)).expect("the data can be opened");
    let (bus, store) = (engine.bus(), engine.store());
    let settings = Settings::new(engine.partitions(), Policy::default());
    let options = ProcessorsOptions::default();
    let processors = Processors::start(bus.clone(), store.clone(), Arc::new(SystemClock), settings, options);
    let until = Instant::now() + REST_MAX;
    let report = loop {
        match audit::run(bus.as_ref(), store.as_ref(), Expect::AtRest).await {
            Ok(report) => break report,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(processors.drain(PATIENCE).await.is_clean());
    engine.close().expect("the data can be closed");
    report
}

/// The order of a key, wherever it was asked for.
fn order_of(key: &str) -> OrderId {
    OrderId::from_idempotency_key("anonymous", key)
}
