//! What each report adds.

use std::time::Duration;

use logistics_core::observe::{
    ApiCall, NotificationEnd, NotificationReport, Observer, PortCall, StreamEvent, StreamKind,
};
use logistics_core::port::PortErrorKind;
use logistics_core::processor::{InterruptCode, ProcessorEvent};
use logistics_core::{Offset, Partition};

use super::busy::{ROUTE, busy, channel, confirmed, delivered, transaction};
use super::{Source, metrics, now, scrape};

#[test]
fn facts_are_counted_and_timed() {
    let metrics = metrics();
    metrics.transaction(Partition(0), &transaction(vec![confirmed(), confirmed(), delivered()]));
    let scrape = scrape(&metrics);
    let facts =
        |status: &str| scrape.value("logistics_facts_total", &[("status", status), ("change", "moved")]);
    assert_eq!((facts("CONFIRMED"), facts("DELIVERED")), (Some(2.0), Some(1.0)));
    let spent = |name: &str, status: &str| {
        scrape.value(&format!("logistics_order_status_duration_seconds_{name}"), &[("status", status)])
    };
    assert_eq!((spent("count", "PLACED"), spent("sum", "PLACED")), (Some(2.0), Some(180.0)));
    assert_eq!((spent("count", "OUT_FOR_DELIVERY"), spent("count", "DELIVERED")), (Some(1.0), None));
    assert_eq!(scrape.value("logistics_order_placed_to_delivered_seconds_sum", &[]), Some(400.0));
    assert_eq!(scrape.value("logistics_timer_lateness_seconds_sum", &[("kind", "advance")]), Some(2.0));
    assert_eq!(scrape.value("logistics_processor_batch_inputs_sum", &[]), Some(3.0));
    assert_eq!(scrape.value("logistics_processor_commit_duration_seconds_sum", &[]), Some(0.007));
    assert!(metrics.wants_transactions() && !metrics.wants_order_events());
}

#[test]
fn a_call_is_active_until_it_ends() {
    let metrics = metrics();
    let labels = [("http_request_method", "POST"), ("http_route", "/orders")];
    let active = || scrape(&metrics).value("http_server_active_requests", &labels);
    metrics.api_call_began(ROUTE);
    assert_eq!(active(), Some(1.0));
    let mut call = ApiCall::new(ROUTE, 499, None, now(), Duration::from_millis(5));
    (call.request_bytes, call.response_bytes) = (10, 20);
    metrics.api_call(&call);
    assert_eq!(active(), Some(0.0));
    let scrape = scrape(&metrics);
    let [method, route] = labels;
    let class = [method, route, ("status_class", "4xx")];
    assert_eq!(scrape.value("http_server_request_duration_seconds_count", &class), Some(1.0));
    let bucket = [method, route, ("status_class", "4xx"), ("le", "0.005")];
    assert_eq!(scrape.value("http_server_request_duration_seconds_bucket", &bucket), Some(1.0));
    assert_eq!(scrape.value("http_server_request_body_bytes_total", &labels), Some(10.0));
    assert_eq!(scrape.value("http_server_response_body_bytes_total", &labels), Some(20.0));
    assert_eq!(scrape.named("http_server_errors_total").count(), 0);
}

#[test]
fn rejections_dead_letters_and_limits_have_their_codes() {
    let scrape = scrape(&busy());
    let of = |name: &str, labels: &[(&str, &str)]| scrape.value(name, labels);
    assert_eq!(of("logistics_rejections_total", &[("code", "illegal_transition")]), Some(1.0));
    assert_eq!(of("logistics_dead_letters_total", &[("reason", "undecodable")]), Some(1.0));
    let limited = [("http_route", "/orders"), ("code", "rate_limited")];
    assert_eq!(of("http_server_errors_total", &limited), Some(1.0));
    assert_eq!(of("logistics_append_duration_seconds_count", &[("outcome", "unavailable")]), Some(1.0));
    assert_eq!(of("logistics_spans_total", &[("outcome", "exported")]), Some(1.0));
}

#[test]
fn a_call_that_waits_by_design_is_not_timed() {
    let metrics = metrics();
    let refused = Err(PortErrorKind::Refused);
    metrics.port_call(&PortCall::new("tail", "next", Ok(()), Duration::from_secs(30)).waiting());
    metrics.port_call(&PortCall::new("event_bus", "end", refused, Duration::from_millis(3)));
    let scrape = scrape(&metrics);
    let calls: Vec<_> = scrape.named("logistics_port_call_duration_seconds_count").collect();
    let [call] = calls[..] else { panic!("one series: {calls:?}") };
    assert_eq!((&*call.labels["operation"], &*call.labels["outcome"]), ("end", "refused"));
}

#[test]
fn events_of_processors_are_counted_from_0() {
    let metrics = metrics();
    let event = ProcessorEvent::Live { from: Offset(1), replayed: 0 };
    metrics.processor_event(Partition(3), &event, None);
    let (code, why) = (InterruptCode::Fenced, String::new());
    let event = ProcessorEvent::Interrupted { code, phase: "live", why, retry_after_ms: 1 };
    metrics.processor_event(Partition(3), &event, None);
    let scrape = scrape(&metrics);
    assert_eq!(scrape.value("logistics_processor_acquisitions_total", &[]), Some(1.0));
    let interrupts = |code: &str| scrape.value("logistics_processor_interrupts_total", &[("code", code)]);
    assert_eq!((interrupts("fenced"), interrupts("call_failed")), (Some(1.0), Some(0.0)));
    let halts = scrape.named("logistics_processor_halts_total").map(|sample| sample.value);
    assert_eq!(halts.sum::<f64>(), 0.0);
}

#[test]
fn a_channel_has_its_zeros_before_its_first_notification() {
    let metrics = metrics();
    Source::watched(&metrics, vec![channel("console")]);
    let undeliverable = [("channel", "console"), ("outcome", "undeliverable")];
    let counted = || scrape(&metrics).value("logistics_notifications_total", &undeliverable);
    assert_eq!(counted(), Some(0.0));
    let gone = NotificationReport::new("console", Partition(0), Offset(1), NotificationEnd::Gone(40));
    metrics.notification(&gone);
    let scrape = scrape(&metrics);
    let outcome = |outcome: &str| {
        scrape.value("logistics_notifications_total", &[("channel", "console"), ("outcome", outcome)])
    };
    assert_eq!((outcome("gone"), outcome("delivered")), (Some(40.0), Some(0.0)));
    let attempts = "logistics_notification_attempt_duration_seconds_count";
    assert_eq!(scrape.value(attempts, &[("channel", "console")]), Some(0.0), "no attempt was made");
}

#[test]
fn a_delivery_has_a_duration_and_a_delay() {
    let scrape = scrape(&busy());
    let of = |name: &str| scrape.value(name, &[("channel", "console")]);
    assert_eq!(of("logistics_notification_attempt_duration_seconds_count"), Some(2.0));
    assert_eq!(of("logistics_notification_delay_seconds_sum"), Some(2.0));
    let retries = [("channel", "console"), ("kind", "rate_limited")];
    assert_eq!(scrape.value("logistics_notification_retries_total", &retries), Some(1.0));
}

#[test]
fn open_streams_are_those_that_began_and_have_not_ended() {
    let metrics = metrics();
    assert!(scrape(&metrics).named("logistics_streams_open").next().is_none());
    for _ in 0..3 {
        metrics.stream(StreamKind::All, StreamEvent::Opened);
    }
    metrics.stream(StreamKind::All, StreamEvent::Sent);
    metrics.stream(StreamKind::All, StreamEvent::Closed);
    let scrape = scrape(&metrics);
    let value = |name, kind| scrape.value(name, &[("kind", kind)]);
    assert_eq!(value("logistics_streams_open", "all"), Some(2.0));
    assert_eq!(value("logistics_streams_open", "order"), Some(0.0));
    assert_eq!(value("logistics_streams_opened_total", "all"), Some(3.0));
    assert_eq!(value("logistics_stream_events_total", "all"), Some(1.0));
    assert_eq!(value("logistics_streams_lagged_total", "all"), Some(0.0));
}
