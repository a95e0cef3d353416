//! A process that does everything, so that every family has series.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::lifecycle::STATUSES;
use logistics_core::observe::{
    ApiCall, ApiRoute, AppendReport, BreakerReading, BreakerState, ChannelReading, DeadLetterReport,
    DependencyReading, FactReport, LogReading, NotificationEnd, NotificationReport, Observer,
    OpenTransactionReading, PortCall, ProcessorReading, Reading, RejectionReport, StoreReading, StreamEvent,
    StreamKind, TransactionReport,
};
use logistics_core::port::{NotifyErrorKind, PortErrorKind, StatusSummary};
use logistics_core::processor::{HaltCode, ProcessorEvent};
use logistics_core::{DeadlineKind, Offset, OrderId, Partition, RequestId, Status, TraceContext, Version};

use super::{Source, ago, metrics, now};
use crate::metrics::{Metrics, SpanCounts};

pub(super) const ROUTE: ApiRoute = ApiRoute { method: "POST", route: "/orders" };

pub(super) fn order_id(n: u64) -> OrderId {
    OrderId::parse(&format!("order-{n}")).expect("an id")
}

pub(super) fn span(trace_id: u128, is_sampled: bool) -> Option<TraceContext> {
    TraceContext::new(trace_id, 1, is_sampled)
}

/// The fact that moved an order from PLACED 90 s ago.
pub(super) fn confirmed() -> FactReport {
    let mut fact = fact(Status::Confirmed);
    fact.left = Some((Status::Placed, ago(90)));
    fact
}

/// The fact that delivered an order: 400 s after it was placed, 100 s after a courier took it.
pub(super) fn delivered() -> FactReport {
    let mut fact = fact(Status::Delivered);
    fact.left = Some((Status::OutForDelivery, ago(100)));
    fact.timer = Some((DeadlineKind::Advance, ago(2)));
    fact
}

fn fact(status: Status) -> FactReport {
    FactReport::new((order_id(1), Version(1)), (status, "moved"), now(), ago(400))
}

pub(super) fn transaction(facts: Vec<FactReport>) -> TransactionReport {
    let mut report = TransactionReport::default();
    report.inputs = facts.len();
    report.facts = facts;
    report.decide_elapsed = Duration::from_micros(300);
    report.commit_elapsed = Duration::from_millis(7);
    report
}

pub(super) fn processor(partition: u32) -> Reading {
    let mut reading = ProcessorReading::default();
    reading.partition = Partition(partition);
    reading.phase = "live";
    reading.phase_since = ago(3600);
    (reading.read_position, reading.answered) = (Offset(120), Offset(100));
    (reading.waiting_inputs, reading.oldest_input_at) = (20, Some(ago(4)));
    (reading.timers, reading.next_due) = (7, Some(ago(-30)));
    (reading.memory_bytes, reading.memory_limit_bytes) = (1 << 20, 1 << 28);
    Reading::Processor(reading)
}

pub(super) fn log(partition: u32) -> Reading {
    let mut reading = LogReading::default();
    reading.partition = Partition(partition);
    (reading.end, reading.answered) = (Offset(130), Offset(100));
    reading.unanswered_since = Some(ago(5));
    Reading::Log(reading)
}

pub(super) fn channel(name: &str) -> Reading {
    let mut reading = ChannelReading::default();
    reading.channel = name.to_owned();
    (reading.oldest_at, reading.halted) = (Some(ago(8)), 1);
    (reading.waiting, reading.waiting_since, reading.breakers_open) = (Some(3), Some(ago(9)), Some(2));
    Reading::Channel(reading)
}

fn readings() -> Vec<Reading> {
    let mut store = StoreReading::default();
    store.name = "redis";
    (store.used_bytes, store.limit_bytes) = (Some(5), Some(10));
    (store.eviction_policy, store.evicted_keys) = (Some("noeviction".to_owned()), Some(0));
    let (mut log_up, mut store_down) = (DependencyReading::default(), DependencyReading::default());
    log_up.name = "log";
    (store_down.name, store_down.down_since) = ("store", Some(ago(12)));
    let orders = STATUSES
        .map(|status| Reading::Orders(StatusSummary { status, count: 3, oldest_change: Some(ago(60)) }));
    let others = [
        Reading::Store(store),
        Reading::Dependency(log_up),
        Reading::Dependency(store_down),
        Reading::Breaker(BreakerReading::new("store", BreakerState::Open, 4)),
        Reading::Ready(true),
        channel("console"),
    ];
    let open = |n| Reading::OpenTransaction(OpenTransactionReading::new(Partition(n), None));
    (0..2).flat_map(|n| [processor(n), log(n), open(n)]).chain(orders).chain(others).collect()
}

/// The metrics of a process that does everything.
pub(super) fn busy() -> Metrics {
    let metrics = metrics();
    Source::watched(&metrics, readings());
    metrics.api_call_began(ROUTE);
    let mut call = ApiCall::new(ROUTE, 429, Some("rate_limited"), ago(1), Duration::from_millis(30));
    (call.request_bytes, call.response_bytes, call.span) = (200, 90, span(0xabc, true));
    metrics.api_call(&call);
    let (id, request) = (order_id(1), RequestId::parse("request-1").expect("an id"));
    let failed = Err(PortErrorKind::Unavailable);
    for outcome in [Ok(Offset(3)), failed] {
        let elapsed = Duration::from_millis(2);
        metrics.append(&AppendReport::new((&id, &request), Partition(0), outcome, 300, now(), elapsed));
    }
    metrics.port_call(&PortCall::new("owner_store", "load", Ok(()), Duration::from_micros(800)));
    let reason = "a test".to_owned();
    metrics.processor_event(Partition(0), &ProcessorEvent::Halted { code: HaltCode::Corrupt, reason }, None);
    let (mut delivered, mut late) = (delivered(), fact(Status::Preparing));
    (delivered.span, late.change) = (span(0xdef, true), "late");
    let mut report = transaction(vec![confirmed(), delivered, late]);
    report.rejections = vec![RejectionReport::new(order_id(1), "illegal_transition")];
    report.dead_letters = vec![DeadLetterReport::new(Offset(9), "undecodable")];
    metrics.transaction(Partition(0), &report);
    for end in [NotificationEnd::Delivered, NotificationEnd::Retried(NotifyErrorKind::RateLimited)] {
        let mut report = NotificationReport::new("console", Partition(0), Offset(1), end);
        (report.attempt, report.elapsed, report.age) = (1, Duration::from_millis(4), Duration::from_secs(2));
        metrics.notification(&report);
    }
    for event in [StreamEvent::Opened, StreamEvent::Sent, StreamEvent::Lagged] {
        metrics.stream(StreamKind::Order, event);
    }
    metrics.breaker("store", BreakerState::Open);
    let spans = Arc::new(SpanCounts::default());
    spans.add_exported(1);
    metrics.watch_spans(spans);
    metrics
}
