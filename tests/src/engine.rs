//! The embedded engine with processors, for tests of its faults.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use logistics_core::port::{DocumentLookup, PortError, Topic};
use logistics_core::processor::Settings;
use logistics_core::{Command, Offset, OrderId, Placement, Policy, partition_of};
use logistics_embedded::Engine;
use logistics_tokio::{Processors, ProcessorsOptions, SystemClock};

use crate::workload::ask;

/// How long a test waits for a condition.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Processors that simulate: each order makes a transition every `dwell_ms` milliseconds.
#[must_use]
pub fn processors(engine: &Engine, dwell_ms: u64) -> Processors {
    let settings = Settings::new(engine.partitions(), Policy::simulate(dwell_ms));
    let options = ProcessorsOptions::default();
    Processors::start(engine.bus(), engine.store(), Arc::new(SystemClock), settings, options)
}

/// The `n`th order.
///
/// # Panics
/// Never: the id is valid.
#[must_use]
pub fn order_id(n: usize) -> OrderId {
    OrderId::parse(&format!("order-{n}")).expect("a valid id")
}

/// Places the `n`th order.
///
/// # Errors
/// The error of the append.
pub async fn place(engine: &Engine, n: usize) -> Result<Offset, PortError> {
    let id = order_id(n);
    let partition = partition_of(&id, engine.partitions());
    let input = ask(&id, Command::Place(Placement::default()), partition, &format!("request-{n}"));
    engine.bus().append(&id, input.payload).await
}

/// Whether the store has no such order although it has caught up with the end of the log.
///
/// # Panics
/// If the engine cannot be read.
pub async fn is_denied(engine: &Engine, order_id: &OrderId) -> bool {
    let partition = partition_of(order_id, engine.partitions());
    let end = engine.bus().bounds(Topic::Orders, partition).await.expect("the log can be read").end;
    let found = engine.store().document(order_id).await.expect("the store can be read");
    matches!(found, DocumentLookup::Absent { answered } if answered >= end)
}

/// Polls until the condition holds.
///
/// # Panics
/// If it does not hold in time.
pub async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !look().await {
        assert!(Instant::now() < until, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The seed in an environment variable, or a new one.
///
/// # Panics
/// If the variable is not a number.
#[must_use]
pub fn seed(variable: &str) -> u64 {
    let of_the_clock = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::from(since.subsec_nanos())
    };
    std::env::var(variable).map_or_else(|_| of_the_clock(), |seed| seed.parse().expect("a number"))
}
