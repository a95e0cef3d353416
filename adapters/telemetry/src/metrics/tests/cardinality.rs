//! No load of reports makes more series than the bounds permit.

use std::time::Duration;

use logistics_core::observe::{
    ApiCall, ApiRoute, DeadLetterReport, NotificationEnd, NotificationReport, Observer, PortCall,
    RejectionReport,
};
use logistics_core::{Offset, Partition};

use super::busy::{busy, channel, confirmed, delivered, order_id, transaction};
use super::reader::Scrape;
use super::{Source, metrics, now, scrape};

const HOSTILE: u64 = 100_000;

/// Series of one process, apart from those of partitions. 256 routes with all classes, 512 error codes, 128 operations, 64 channels.
const SERIES_MAX: usize = 40_000;

/// A text that lives as long as the process, as the reports require. A few thousand are enough to exceed every bound.
fn leaked(what: &str, n: u64) -> &'static str {
    Box::leak(format!("{what}-{n}").into_boxed_str())
}

/// The number of distinct values of a label.
fn values(scrape: &Scrape, name: &str, label: &str) -> usize {
    let values: std::collections::BTreeSet<_> =
        scrape.named(name).map(|sample| &sample.labels[label]).collect();
    values.len()
}

#[test]
fn orders_make_no_series() {
    let metrics = busy();
    let before = scrape(&metrics).samples.len();
    for first in (0..HOSTILE).step_by(1000) {
        let facts = (first..first + 1000).map(|n| {
            let mut fact = if n % 2 == 0 { confirmed() } else { delivered() };
            fact.order_id = order_id(n);
            fact
        });
        metrics.transaction(Partition(0), &transaction(facts.collect()));
    }
    let after = scrape(&metrics);
    assert_eq!(after.samples.len(), before);
    let placed = [("status", "PLACED")];
    let left = after.value("logistics_order_status_duration_seconds_count", &placed);
    assert_eq!(left, Some(1.0 + 50_000.0), "every fact is counted");
}

#[test]
fn unknown_texts_share_a_series() {
    let metrics = metrics();
    let names: Vec<String> = (0..2000).map(|n| format!("channel-{n}")).collect();
    Source::watched(&metrics, names.iter().map(|name| channel(name)).collect());
    for n in 0..2000 {
        let route = ApiRoute { method: leaked("METHOD", n), route: leaked("/route", n) };
        metrics.api_call_began(route);
        for status in [0, 100, 200, 300, 404, 500, 999] {
            metrics.api_call(&ApiCall::new(route, status, Some(leaked("code", n)), now(), Duration::ZERO));
        }
        metrics.port_call(&PortCall::new(leaked("port", n), "load", Ok(()), Duration::ZERO));
        let mut report = transaction(Vec::new());
        report.rejections = vec![RejectionReport::new(order_id(n), leaked("rejection", n))];
        report.dead_letters = vec![DeadLetterReport::new(Offset(n), leaked("reason", n))];
        metrics.transaction(Partition(0), &report);
        let name = format!("other-channel-{n}");
        metrics.notification(&NotificationReport::new(
            &name,
            Partition(0),
            Offset(n),
            NotificationEnd::Delivered,
        ));
    }
    let scrape = scrape(&metrics);
    assert_eq!(values(&scrape, "http_server_request_body_bytes_total", "http_route"), 256 + 1);
    assert_eq!(values(&scrape, "http_server_errors_total", "code"), 512 + 1);
    assert_eq!(values(&scrape, "logistics_port_call_duration_seconds_count", "port"), 128 + 1);
    assert_eq!(values(&scrape, "logistics_rejections_total", "code"), 64 + 1);
    assert_eq!(values(&scrape, "logistics_dead_letters_total", "reason"), 64 + 1);
    assert_eq!(values(&scrape, "logistics_notifications_total", "channel"), 64 + 1);
    assert_eq!(values(&scrape, "logistics_notification_oldest_seconds", "channel"), 64);
    assert!(scrape.samples.len() < SERIES_MAX, "{} series", scrape.samples.len());
    let rejections = scrape.named("logistics_rejections_total").map(|sample| sample.value);
    assert_eq!(rejections.sum::<f64>(), 2000.0, "a report that has no series of its own is counted");
}
