//! Orders, failures, notifications, dependencies and stores.

use std::collections::BTreeMap;

use logistics_core::{Status, Timestamp};
use serde::Serialize;

use super::super::process::Process;
use super::super::samples::Labels;
use super::{max, seconds_since, sum};

/// The orders of a status.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in super::super) struct OrdersRow {
    pub(in super::super) status: String,
    pub(in super::super) count: Option<f64>,
    /// The time since the last change of the order that has not changed for the longest time. Not of terminal statuses.
    pub(in super::super) oldest_seconds: Option<f64>,
}

/// What failed, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in super::super) struct FailureRow {
    /// `dead_letter`, `rejection` (by a processor), `halt`, `interrupt` (of a processor) or `http_error`.
    pub(in super::super) kind: &'static str,
    pub(in super::super) reason: String,
    /// Since the processes started.
    pub(in super::super) total: f64,
    pub(in super::super) per_second: Option<f64>,
}

/// A channel of notifications.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in super::super) struct ChannelRow {
    pub(in super::super) channel: String,
    pub(in super::super) delivered_total: Option<f64>,
    pub(in super::super) delivered_per_second: Option<f64>,
    /// Undeliverable, undecodable or gone.
    pub(in super::super) failed_total: Option<f64>,
    pub(in super::super) retries_total: Option<f64>,
    pub(in super::super) retries_per_second: Option<f64>,
    pub(in super::super) oldest_seconds: Option<f64>,
    pub(in super::super) halted_partitions: Option<f64>,
}

/// A dependency of a process.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(in super::super) struct DependencyRow {
    pub(in super::super) dependency: String,
    pub(in super::super) process: String,
    pub(in super::super) up: bool,
    pub(in super::super) down_seconds: Option<f64>,
}

/// A store.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(in super::super) struct StoreRow {
    pub(in super::super) store: String,
    pub(in super::super) used_bytes: Option<f64>,
    pub(in super::super) limit_bytes: Option<f64>,
    pub(in super::super) eviction_policy: Option<String>,
    pub(in super::super) evicted_keys_total: Option<f64>,
}

type Fold = fn(Option<f64>, Option<f64>) -> Option<f64>;

/// The values of a family in all processes by one label. `fold` combines the values of equal labels.
fn by_label(processes: &[Process], family: &str, label: &str, fold: Fold) -> BTreeMap<String, f64> {
    let mut values: BTreeMap<String, f64> = BTreeMap::new();
    for samples in processes.iter().filter_map(Process::samples) {
        // A process sums its series first: other labels may divide what the label counts.
        let mut own: BTreeMap<&str, f64> = BTreeMap::new();
        for (labels, value) in samples.finite(family) {
            if let Some(label) = labels.value(label) {
                *own.entry(label).or_default() += value;
            }
        }
        for (label, value) in own {
            let folded = fold(values.get(label).copied(), Some(value)).unwrap_or(value);
            values.insert(label.to_owned(), folded);
        }
    }
    values
}

/// The growth per second of the counters of a family by one label, summed over all processes.
fn rates(
    processes: &[Process],
    family: &str,
    label: &str,
    counts: fn(&Labels) -> bool,
) -> BTreeMap<String, f64> {
    let mut rates: BTreeMap<String, f64> = BTreeMap::new();
    for process in processes {
        let (Some(grown), Some(seconds)) = (process.growth(family), process.seconds()) else { continue };
        for (labels, grown) in grown.into_iter().filter(|(labels, _)| counts(labels)) {
            if let Some(label) = labels.value(label) {
                *rates.entry(label.to_owned()).or_default() += grown / seconds;
            }
        }
    }
    rates
}

/// In the order of the lifecycle; statuses of a newer release last. Each process reads the same index, so the counts are
/// not summed.
pub(super) fn orders(processes: &[Process]) -> Vec<OrdersRow> {
    let counts = by_label(processes, "logistics_orders", "status", max);
    let mut oldest = by_label(processes, "logistics_oldest_order_seconds", "status", max);
    let row = |(status, count): (String, f64)| {
        let oldest_seconds = oldest.remove(&status).filter(|_| count > 0.0);
        OrdersRow { status, count: Some(count), oldest_seconds }
    };
    let mut rows: Vec<OrdersRow> = counts.into_iter().map(row).collect();
    rows.sort_by_key(|row| Status::from_name(&row.status).map_or((1, None), |status| (0, Some(status))));
    rows
}

/// The kinds of failures in one fixed order, and within a kind the most frequent first.
pub(super) fn failures(processes: &[Process]) -> Vec<FailureRow> {
    let kinds = [
        ("halt", "logistics_processor_halts_total", "code"),
        ("dead_letter", "logistics_dead_letters_total", "reason"),
        ("interrupt", "logistics_processor_interrupts_total", "code"),
        ("rejection", "logistics_rejections_total", "code"),
        ("http_error", "http_server_errors_total", "code"),
    ];
    let is_known = processes.iter().any(|process| process.seconds().is_some());
    let mut rows = Vec::new();
    for (kind, family, label) in kinds {
        let rates = rates(processes, family, label, |_| true);
        let row = |(reason, total): (String, f64)| {
            let per_second = is_known.then(|| rates.get(&reason).copied().unwrap_or(0.0));
            FailureRow { kind, reason, total, per_second }
        };
        let counted = by_label(processes, family, label, sum).into_iter().filter(|(_, total)| *total > 0.0);
        let mut of_kind: Vec<FailureRow> = counted.map(row).collect();
        of_kind.sort_by(|one, other| other.total.total_cmp(&one.total));
        rows.extend(of_kind);
    }
    rows
}

/// By name.
pub(super) fn channels(processes: &[Process]) -> Vec<ChannelRow> {
    let mut channels: BTreeMap<String, ChannelRow> = BTreeMap::new();
    let mut each = |values: BTreeMap<String, f64>, field: fn(&mut ChannelRow) -> &mut Option<f64>| {
        for (channel, value) in values {
            let row = channels
                .entry(channel.clone())
                .or_insert_with(|| ChannelRow { channel, ..Default::default() });
            *field(row) = Some(value);
        }
    };
    let count = "logistics_notifications_total";
    let is_delivered = |labels: &Labels| labels.value("outcome") == Some("delivered");
    each(totals(processes, count, is_delivered), |row| &mut row.delivered_total);
    each(rates(processes, count, "channel", is_delivered), |row| &mut row.delivered_per_second);
    each(totals(processes, count, |labels| labels.value("outcome") != Some("delivered")), |row| {
        &mut row.failed_total
    });
    let retries = "logistics_notification_retries_total";
    each(totals(processes, retries, |_| true), |row| &mut row.retries_total);
    each(rates(processes, retries, "channel", |_| true), |row| &mut row.retries_per_second);
    let gauge = |family: &str, fold: Fold| by_label(processes, family, "channel", fold);
    each(gauge("logistics_notification_oldest_seconds", max), |row| &mut row.oldest_seconds);
    each(gauge("logistics_notification_halted_partitions", sum), |row| &mut row.halted_partitions);
    channels.into_values().collect()
}

/// The sums of the counters of a family by channel.
fn totals(processes: &[Process], family: &str, counts: fn(&Labels) -> bool) -> BTreeMap<String, f64> {
    let mut totals: BTreeMap<String, f64> = BTreeMap::new();
    for samples in processes.iter().filter_map(Process::samples) {
        for (labels, value) in samples.finite(family).filter(|(labels, _)| counts(labels)) {
            if let Some(channel) = labels.value("channel") {
                *totals.entry(channel.to_owned()).or_default() += value;
            }
        }
    }
    totals
}

/// Those that are down first.
pub(super) fn dependencies(processes: &[Process], names: &[String], at: Timestamp) -> Vec<DependencyRow> {
    let mut rows = Vec::new();
    for (process, name) in processes.iter().zip(names) {
        let Some(samples) = process.samples() else { continue };
        for (labels, up) in samples.finite("logistics_dependency_up") {
            let Some(dependency) = labels.value("dependency") else { continue };
            let since = samples.finite("logistics_dependency_down_since_timestamp_seconds");
            let since = since
                .filter(|(labels, _)| labels.value("dependency") == Some(dependency))
                .map(|(_, since)| seconds_since(since, at))
                .next();
            let up = up > 0.0;
            rows.push(DependencyRow {
                dependency: dependency.to_owned(),
                process: name.clone(),
                up,
                down_seconds: since.filter(|_| !up),
            });
        }
    }
    rows.sort_by(|one, other| {
        (one.up, &one.dependency, &one.process).cmp(&(other.up, &other.dependency, &other.process))
    });
    rows
}

/// By name. Several processes show one store, so nothing is summed.
pub(super) fn stores(processes: &[Process]) -> Vec<StoreRow> {
    let mut stores: BTreeMap<String, StoreRow> = BTreeMap::new();
    let mut each = |family: &str, field: fn(&mut StoreRow) -> &mut Option<f64>| {
        for (store, value) in by_label(processes, family, "store", max) {
            let row = stores.entry(store.clone()).or_insert_with(|| StoreRow { store, ..Default::default() });
            *field(row) = Some(value);
        }
    };
    each("logistics_store_used_bytes", |row| &mut row.used_bytes);
    each("logistics_store_limit_bytes", |row| &mut row.limit_bytes);
    each("logistics_store_evicted_keys_total", |row| &mut row.evicted_keys_total);
    for samples in processes.iter().filter_map(Process::samples) {
        for (labels, value) in samples.finite("logistics_store_eviction_policy") {
            if let (Some(store), Some(policy), true) =
                (labels.value("store"), labels.value("policy"), value > 0.0)
            {
                let new = || StoreRow { store: store.to_owned(), ..Default::default() };
                stores.entry(store.to_owned()).or_insert_with(new).eviction_policy = Some(policy.to_owned());
            }
        }
    }
    stores.into_values().collect()
}
