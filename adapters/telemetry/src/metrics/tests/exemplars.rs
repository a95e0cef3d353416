//! Exemplars lead to a recorded trace, and there are few of them.

use std::time::Duration;

use logistics_core::Partition;
use logistics_core::observe::{ApiCall, Observer};

use super::busy::{ROUTE, confirmed, delivered, span, transaction};
use super::{ago, metrics, now, scrape};
use crate::metrics::Metrics;

/// The traces that a family shows.
fn traces(metrics: &Metrics, family: &str) -> Vec<String> {
    let (scrape, name) = (scrape(metrics), format!("{family}_bucket"));
    let buckets = scrape.named(&name);
    buckets.filter_map(|sample| sample.exemplar.clone()).map(|(trace_id, _)| trace_id).collect()
}

fn hex(trace_id: u128) -> String {
    format!("{trace_id:032x}")
}

#[test]
fn a_call_shows_its_trace_if_it_is_recorded() {
    let metrics = metrics();
    for (trace_id, is_sampled, ms) in [(1, false, 3), (2, true, 3), (3, true, 300), (4, false, 300)] {
        let mut call = ApiCall::new(ROUTE, 200, None, now(), Duration::from_millis(ms));
        call.span = span(trace_id, is_sampled);
        metrics.api_call(&call);
    }
    assert_eq!(traces(&metrics, "http_server_request_duration_seconds"), [hex(2), hex(3)]);
}

#[test]
fn a_later_exemplar_replaces_an_earlier_one_and_not_the_reverse() {
    let metrics = metrics();
    for (trace_id, at) in [(1, ago(9)), (2, ago(5)), (3, ago(7))] {
        let mut call = ApiCall::new(ROUTE, 200, None, at, Duration::from_millis(3));
        call.span = span(trace_id, true);
        metrics.api_call(&call);
    }
    assert_eq!(traces(&metrics, "http_server_request_duration_seconds"), [hex(2)]);
}

#[test]
fn a_delivered_order_leads_to_its_trace() {
    let metrics = metrics();
    let (mut traced, mut untraced) = (delivered(), confirmed());
    (traced.span, untraced.span) = (span(7, true), span(8, false));
    metrics.transaction(Partition(0), &transaction(vec![untraced, traced]));
    assert_eq!(traces(&metrics, "logistics_order_placed_to_delivered_seconds"), [hex(7)]);
    assert_eq!(traces(&metrics, "logistics_order_status_duration_seconds"), [hex(7)]);
}

#[test]
fn a_transaction_shows_a_few_exemplars_and_counts_every_fact() {
    let metrics = metrics();
    let facts = (1..=14).map(|n: u32| {
        let mut fact = confirmed();
        // Each in a bucket of its own.
        fact.left = fact.left.map(|(status, _)| (status, ago(2 * 3_i64.pow(n.min(9)))));
        fact.span = span(u128::from(n), true);
        fact
    });
    metrics.transaction(Partition(0), &transaction(facts.collect()));
    assert_eq!(traces(&metrics, "logistics_order_status_duration_seconds").len(), 4);
    let placed = [("status", "PLACED")];
    let count = scrape(&metrics).value("logistics_order_status_duration_seconds_count", &placed);
    assert_eq!(count, Some(14.0));
}
