//! The log of orders, as a process sees it that does not own it.

use super::catalogue::{Family, PARTITION, Subject};
use super::page::Page;
use super::readings::Readings;

const END: Family = Family::gauge(
    "logistics_log_end_offset",
    "offset",
    &[PARTITION],
    "The end of the partition: the offset behind its last record.",
);

const ANSWERED: Family = Family::gauge(
    "logistics_log_answered_offset",
    "offset",
    &[PARTITION],
    "Every input before this offset is answered in the store.",
);

const LAG_RECORDS: Family = Family::gauge(
    "logistics_log_lag_records",
    "records",
    &[PARTITION],
    "Records between the answered offset and the end: inputs and the records of owners.",
);

const LAG_SECONDS: Family = Family::gauge(
    "logistics_log_lag_seconds",
    "seconds",
    &[PARTITION],
    "Age of the oldest record that is not answered; 0 if every record is.",
);

const OPEN_TRANSACTION: Family = Family::gauge(
    "logistics_log_open_transaction_seconds",
    "seconds",
    &[PARTITION],
    "How long an open transaction has kept committed readers from the end; 0 if there is none.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Log",
    text: "Of processes that watch the log: the API, and a process with all services. They see every partition, also one without an \
           owner. Several processes report the same partition; use `max by (partition)`.",
    families: &[END, ANSWERED, LAG_RECORDS, LAG_SECONDS, OPEN_TRANSACTION],
};

pub(super) fn expose(readings: &Readings, page: &mut Page) {
    let partitions: Vec<_> = readings.log.iter().map(|(at, of)| (at.0.to_string(), of)).collect();
    let mut series = page.family(&END);
    for (partition, log) in &partitions {
        series.count(&[partition], log.end.0);
    }
    let mut series = page.family(&ANSWERED);
    for (partition, log) in &partitions {
        series.count(&[partition], log.answered.0);
    }
    let mut series = page.family(&LAG_RECORDS);
    for (partition, log) in &partitions {
        series.count(&[partition], log.end.0.saturating_sub(log.answered.0));
    }
    let mut series = page.family(&LAG_SECONDS);
    for (partition, log) in &partitions {
        series.value(&[partition], readings.age(log.unanswered_since));
    }
    let mut series = page.family(&OPEN_TRANSACTION);
    for (partition, since) in &readings.open_transactions {
        series.value(&[&partition.0.to_string()], readings.age(*since));
    }
}
