//! Prints what the metrics cost: per fact, call and scrape. It asserts nothing, because machines differ.
//!
//! `cargo bench -p logistics-telemetry`

#![allow(clippy::print_stdout, reason = "prints figures")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logistics_core::observe::{
    ApiCall, ApiRoute, Exposition, FactReport, Gauges, LogReading, Observer, PortCall, ProcessorReading,
    Reading, TransactionReport,
};
use logistics_core::{DeadlineKind, Offset, OrderId, Partition, Status, Timestamp, TraceContext, Version};
use logistics_telemetry::{BuildInfo, Metrics};

const ROUND: Duration = Duration::from_millis(500);

/// The facts of an order that is delivered at once.
const PATH: [Status; 6] = [
    Status::Placed,
    Status::Confirmed,
    Status::Preparing,
    Status::ReadyForPickup,
    Status::OutForDelivery,
    Status::Delivered,
];

struct Partitions(u32);

impl Gauges for Partitions {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        for partition in (0..self.0).map(Partition) {
            let mut log = LogReading::default();
            (log.partition, log.end, log.answered) = (partition, Offset(12_345_678), Offset(12_345_600));
            into(Reading::Log(log));
            let mut processor = ProcessorReading::default();
            (processor.partition, processor.phase) = (partition, "live");
            (processor.read_position, processor.answered) = (Offset(12_345_678), Offset(12_345_600));
            into(Reading::Processor(processor));
        }
    }
}

fn metrics() -> Metrics {
    Metrics::new(BuildInfo { program: "bench", version: "1.0.0", instance: "bench".to_owned() })
}

/// Nanoseconds per unit of a call that does so many units.
fn measure(what: &str, units: u32, mut call: impl FnMut()) {
    call();
    let (began, mut calls) = (Instant::now(), 0_u32);
    while began.elapsed() < ROUND {
        call();
        calls += 1;
    }
    let each = began.elapsed().as_secs_f64() * 1e9 / f64::from(calls) / f64::from(units);
    println!("{what:<66} {each:>12.1} ns");
}

fn transaction(facts: usize, sampled_every: usize) -> TransactionReport {
    let id = OrderId::parse("order-1").expect("an id");
    let at = |n: usize| Timestamp::from_millis(1_800_000_000_000 + i64::try_from(n).expect("small") * 37_000);
    let mut report = TransactionReport::default();
    report.inputs = facts;
    report.facts = (0..facts)
        .map(|n| {
            let step = n % PATH.len();
            let change = if step == 0 { "placed" } else { "moved" };
            let version = Version(u64::try_from(step).expect("small") + 1);
            let mut fact = FactReport::new((id.clone(), version), (PATH[step], change), at(n), at(n - step));
            fact.left = step.checked_sub(1).map(|before| (PATH[before], at(n - 1)));
            fact.timer = (step > 0).then(|| (DeadlineKind::Advance, at(n)));
            fact.span = TraceContext::new(1, 1, sampled_every > 0 && n % sampled_every == 0);
            fact
        })
        .collect();
    report
}

fn main() {
    let metrics = metrics();
    for (facts, sampled_every) in [(1, 0), (10, 0), (100, 0), (1000, 0), (1000, 100), (1000, 1)] {
        let report = transaction(facts, sampled_every);
        let what = format!("a fact, {facts} in a transaction, one of {sampled_every} sampled");
        let units = u32::try_from(facts).expect("small");
        measure(&what, units, || metrics.transaction(Partition(0), black_box(&report)));
    }
    measure("a call of a port", 1, || {
        metrics.port_call(black_box(&PortCall::new(
            "owner_store",
            "load",
            Ok(()),
            Duration::from_micros(900),
        )));
    });
    let route = ApiRoute { method: "POST", route: "/orders" };
    let mut call = ApiCall::new(route, 202, None, Timestamp::from_millis(0), Duration::from_millis(3));
    measure("a call of the API", 1, || {
        metrics.api_call_began(route);
        metrics.api_call(black_box(&call));
    });
    call.span = TraceContext::new(1, 1, true);
    measure("a call of the API, sampled", 1, || metrics.api_call(black_box(&call)));
    for partitions in [0, 64, 1024] {
        let metrics = self::metrics();
        metrics.transaction(Partition(0), &transaction(1000, 100));
        metrics.watch(Arc::new(Partitions(partitions)));
        let bytes = metrics.text().len();
        let what = format!("a scrape with {partitions} partitions, {bytes} bytes");
        measure(&what, 1, || drop(black_box(metrics.text())));
    }
}
