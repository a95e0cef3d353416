//! Rates of the whole system.

use serde::Serialize;

use super::super::process::Process;
use super::super::samples::{Buckets, Labels};
use super::sum;

/// The route of placements.
const PLACE: (&str, &str) = ("POST", "/orders");

/// Sums over all processes. `None`: no process shows it, or has been scraped once only.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in super::super) struct Totals {
    /// The time that the rates cover, in seconds: of the process with the longest.
    pub(in super::super) interval_seconds: Option<f64>,
    pub(in super::super) placed_per_second: Option<f64>,
    pub(in super::super) facts_per_second: Option<f64>,
    pub(in super::super) requests_per_second: Option<f64>,
    /// Replies with a status of 500 or above.
    pub(in super::super) errors_per_second: Option<f64>,
    pub(in super::super) active_requests: Option<f64>,
    /// Of `POST /orders`, estimated from the histogram's buckets.
    pub(in super::super) place_p50_seconds: Option<f64>,
    pub(in super::super) place_p99_seconds: Option<f64>,
}

pub(super) fn totals(processes: &[Process]) -> Totals {
    let rate = |family: &str, counts: &dyn Fn(&Labels) -> bool| {
        processes.iter().filter_map(|process| rate(process, family, counts)).reduce(|one, other| one + other)
    };
    let (mut active_requests, mut buckets) = (None, Buckets::default());
    for process in processes {
        add_placements(&mut buckets, process);
        let Some(samples) = process.samples() else { continue };
        let active = samples.finite("http_server_active_requests").map(|(_, value)| value);
        active_requests = sum(active_requests, active.reduce(|one, other| one + other));
    }
    let requests = "http_server_request_duration_seconds_count";
    Totals {
        interval_seconds: processes.iter().filter_map(Process::seconds).reduce(f64::max),
        placed_per_second: rate("logistics_facts_total", &|labels| labels.value("change") == Some("placed")),
        facts_per_second: rate("logistics_facts_total", &|_| true),
        requests_per_second: rate(requests, &|_| true),
        errors_per_second: rate(requests, &|labels| labels.value("status_class") == Some("5xx")),
        active_requests,
        place_p50_seconds: buckets.quantile(0.5),
        place_p99_seconds: buckets.quantile(0.99),
    }
}

/// The growth per second of the counters that `counts` selects. 0 if the process has none of them.
fn rate(process: &Process, family: &str, counts: &dyn Fn(&Labels) -> bool) -> Option<f64> {
    let (grown, seconds) = (process.growth(family)?, process.seconds()?);
    // Of a process that has no such family at all, the rate is unknown.
    process.samples().filter(|samples| !samples.of(family).is_empty())?;
    // Not `sum`, which is -0 without summands.
    let sum = grown.iter().filter(|(labels, _)| counts(labels)).fold(0.0, |sum, (_, grown)| sum + grown);
    Some(sum / seconds)
}

fn add_placements(buckets: &mut Buckets, process: &Process) {
    let family = "http_server_request_duration_seconds_bucket";
    for (labels, grown) in process.growth(family).unwrap_or_default() {
        let is = (labels.value("http_request_method"), labels.value("http_route"));
        let bound = labels.value("le").and_then(|le| le.parse().ok());
        if let (true, Some(le)) = (is == (Some(PLACE.0), Some(PLACE.1)), bound) {
            buckets.add(le, grown);
        }
    }
}
