//! Kills the binary under load with SIGKILL at random moments, and restarts it on the same data. In the end, every
//! acknowledged order exists exactly once and is terminal.
//!
//! `CRASH_SEED` repeats the choices of a run, but not the exact moments of the kills.
#![allow(clippy::print_stderr, reason = "prints the seed of a failure")]

#[path = "crash/load.rs"]
mod load;
mod support;
#[path = "crash/webhooks.rs"]
mod webhooks;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime};

use load::{Acknowledged, Load};
use logistics_core::OrderId;
use logistics_core::lifecycle::Status;
use logistics_testkit::Rng;
use serde_json::Value;
use support::{Process, logistics, send, until};

const KILLS_MIN: u32 = 30;
/// The share of kills during the start of the process.
const DURING_START_PERMILLE: u16 = 200;
const START_MS_MAX: u64 = 60;
const LIVE_MS_MAX: u64 = 300;
/// Fewer orders would be no load. A slow machine needs more kills to reach it.
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
fn a_killed_process_loses_and_duplicates_no_order() {
    let seed = seed();
    eprintln!("CRASH_SEED={seed}");
    let mut rng = Rng::new(seed);
    let data = tempfile::tempdir().expect("a temporary directory");
    let load = Load::start(seed);
    let mut kills = 0;
    while kills < KILLS_MIN || load.completed() < ORDERS_MIN {
        crash(data.path(), &load, &mut rng);
        kills += 1;
    }
    let server = Process::serve(data.path(), &FLAGS);
    let addr = server.addr();
    load.serve_at(addr);
    let acknowledged = load.finish();
    for order in &acknowledged {
        let status = until(&format!("{} is terminal", order.order_id), || terminal(addr, order));
        assert!(!order.cancelled || status == Status::Cancelled, "{order:?} is {status}");
    }
    let ids: BTreeSet<_> = acknowledged.iter().map(|order| &order.order_id).collect();
    assert_eq!(ids.len(), acknowledged.len(), "each key has its own order");
    assert!(server.terminate().success());
    let report = verified(data.path());
    eprintln!("{kills} kills: {report}");
    let count = |what: &str| report[what].as_u64().expect("a number");
    for of_orders in ["orders", "terminal_orders", "documents"] {
        assert_eq!(count(of_orders), acknowledged.len() as u64, "{of_orders}");
    }
    assert_eq!((count("unanswered"), count("timers")), (0, 0));
    assert_eq!(count("notifications"), count("facts"));
}

fn seed() -> u64 {
    let of_the_clock = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::from(since.subsec_nanos())
    };
    std::env::var("CRASH_SEED").map_or_else(|_| of_the_clock(), |seed| seed.parse().expect("a number"))
}

/// Starts the process and kills it at a random moment. The moment is the fault, so this test sleeps.
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

/// The status of an order, if it is terminal.
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

/// The counts of `logistics verify` after a drain.
fn verified(data: &Path) -> Value {
    let data = data.to_str().expect("a path of text");
    let output =
        logistics(&["verify", "--at-rest", "--json", "--data-dir", data]).output().expect("it starts");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {errors}{text}", output.status);
    let verified: Value = serde_json::from_str(&text).expect("JSON");
    verified["report"].clone()
}

/// The order id that the API derives from a key.
fn order_of(key: &str) -> OrderId {
    OrderId::from_idempotency_key("anonymous", key)
}
