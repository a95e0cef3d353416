//! One order is one connected trace across three processes.

use logistics_cluster_tests::api;
use logistics_cluster_tests::system::System;
use logistics_containers::until;
use logistics_test_support::traces::{Collector, Receiver, Span, assert_order_trace, order_trace};

const SERVICES: [&str; 3] = ["order-api", "order-processor", "notification-service"];

/// At the receiver of the test, and, if there is one, at an OpenTelemetry Collector.
pub(crate) async fn an_order_is_one_trace_across_three_processes(system: System) {
    let receiver = Receiver::start();
    is_one_trace(&system, &receiver.endpoint(), "http", || receiver.spans()).await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    if let Some(collector) = Collector::start(directory.path()) {
        is_one_trace(&system, &collector.http(), "http", || collector.spans()).await;
        is_one_trace(&system, &collector.grpc(), "grpc", || collector.spans()).await;
    }
}

async fn is_one_trace(system: &System, endpoint: &str, protocol: &str, spans: impl Fn() -> Vec<Span>) {
    let export = [("LOGISTICS_OTLP_ENDPOINT", endpoint), ("LOGISTICS_OTLP_PROTOCOL", protocol)];
    // The API alone begins traces. The others record what it records.
    let with = |more: &[(&'static str, &'static str)]| [&export[..], more].concat();
    let api = system.start(SERVICES[0], &with(&[("LOGISTICS_TRACE_SAMPLE_RATIO", "1")]));
    let simulated =
        [("LOGISTICS_MODE", "simulate"), ("LOGISTICS_DWELL", "10ms"), ("LOGISTICS_TRACE_SAMPLE_RATIO", "0")];
    let processor = system.start(SERVICES[1], &with(&simulated));
    let notifications = system.start(SERVICES[2], &with(&[("LOGISTICS_TRACE_SAMPLE_RATIO", "0")]));
    for process in [&api, &processor, &notifications] {
        process.until_ready().await;
    }
    let placed = api::post(api.address(), "/orders").await.expect("an answer");
    let order_id = placed.json()["order_id"].as_str().expect("an order id").to_owned();
    let trace = || {
        let spans = spans();
        let is_sent =
            |span: &&Span| span.name == "send orders" && span.attribute("logistics.order.id") == order_id;
        let trace_id = spans.iter().find(is_sent)?.trace_id.clone();
        order_trace(&spans, &trace_id).ok()
    };
    until("its trace is complete", async || trace().is_some()).await;
    assert_order_trace(&trace().expect("a trace"), &order_id, "", SERVICES, "kafka");
    for process in [api, processor, notifications] {
        process.stop().await;
    }
}
