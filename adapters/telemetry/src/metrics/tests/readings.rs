//! Readings are the state at the scrape, and nothing of an earlier one.

use logistics_core::observe::{LogReading, ProcessorReading, Reading};
use logistics_core::{Offset, Partition};

use super::busy::{busy, log, processor};
use super::{Source, ago, metrics, scrape};

const PARTITION_0: &[(&str, &str)] = &[("partition", "0")];

#[test]
fn the_series_of_a_partition_end_when_it_is_given_up() {
    let metrics = metrics();
    let source = Source::watched(&metrics, vec![processor(0), processor(1)]);
    assert_eq!(scrape(&metrics).named("logistics_processor_read_position").count(), 2);
    source.set(vec![processor(1)]);
    let later = scrape(&metrics);
    assert!(later.samples.iter().all(|sample| sample.labels.get("partition").is_none_or(|at| at == "1")));
    assert_eq!(later.named("logistics_processor_read_position").count(), 1);
    source.set(Vec::new());
    let none = scrape(&metrics);
    assert!(none.samples.iter().all(|sample| !sample.labels.contains_key("partition")));
    // An increase needs a value before it, so the counters of an owner stay.
    assert_eq!(none.value("logistics_processor_acquisitions_total", &[]), Some(0.0));
}

#[test]
fn of_two_readings_of_the_same_thing_the_last_counts() {
    let metrics = metrics();
    let mut other = LogReading::default();
    other.end = Offset(7);
    Source::watched(&metrics, vec![log(0)]);
    Source::watched(&metrics, vec![Reading::Log(other)]);
    assert_eq!(scrape(&metrics).value("logistics_log_end_offset", PARTITION_0), Some(7.0));
}

#[test]
fn ages_are_seconds_before_the_scrape() {
    let scrape = scrape(&busy());
    let at_0 = |name: &str| scrape.value(name, PARTITION_0);
    assert_eq!(at_0("logistics_log_lag_records"), Some(30.0));
    assert_eq!(at_0("logistics_log_lag_seconds"), Some(5.0));
    assert_eq!(at_0("logistics_log_open_transaction_seconds"), Some(0.0));
    assert_eq!(at_0("logistics_processor_lag_seconds"), Some(4.0));
    assert_eq!(at_0("logistics_processor_phase_start_timestamp_seconds"), Some(1_799_996_400.0));
    assert_eq!(at_0("logistics_timer_overdue_seconds"), Some(0.0), "the earliest timer is due later");
    let phase = [("partition", "0"), ("phase", "live")];
    assert_eq!(scrape.value("logistics_processor_phase", &phase), Some(1.0));
    let oldest = |status: &str| scrape.value("logistics_oldest_order_seconds", &[("status", status)]);
    assert_eq!((oldest("PREPARING"), oldest("DELIVERED")), (Some(60.0), None));
    assert_eq!(scrape.value("logistics_orders", &[("status", "DELIVERED")]), Some(3.0));
    let channel = [("channel", "console")];
    assert_eq!(scrape.value("logistics_notification_oldest_seconds", &channel), Some(8.0));
}

#[test]
fn an_outage_has_a_start_only_while_it_lasts() {
    let scrape = scrape(&busy());
    let of = |name: &str, dependency: &str| scrape.value(name, &[("dependency", dependency)]);
    assert_eq!(of("logistics_dependency_up", "log"), Some(1.0));
    assert_eq!(of("logistics_dependency_up", "store"), Some(0.0));
    let since = "logistics_dependency_down_since_timestamp_seconds";
    assert_eq!((of(since, "log"), of(since, "store")), (None, Some(1_799_999_988.0)));
}

#[test]
fn a_breaker_has_one_state_and_counts_its_transitions() {
    let scrape = scrape(&busy());
    let of = |name: &str, state: &str| scrape.value(name, &[("dependency", "store"), ("state", state)]);
    let states = ["closed", "open", "half_open"];
    let current = states.map(|state| of("logistics_circuit_breaker_state", state));
    assert_eq!(current, [Some(0.0), Some(1.0), Some(0.0)]);
    let transitions = states.map(|state| of("logistics_circuit_breaker_transitions_total", state));
    assert_eq!(transitions, [Some(0.0), Some(1.0), Some(0.0)]);
    let rejected = "logistics_circuit_breaker_rejected_total";
    assert_eq!(scrape.value(rejected, &[("dependency", "store")]), Some(4.0));
}

#[test]
fn a_timer_is_overdue_and_a_clock_is_behind() {
    let metrics = metrics();
    let mut reading = ProcessorReading::default();
    (reading.partition, reading.phase) = (Partition(0), "live");
    (reading.next_due, reading.clock_skew_ms) = (Some(ago(3)), Some(-1500));
    Source::watched(&metrics, vec![Reading::Processor(reading)]);
    let scrape = scrape(&metrics);
    assert_eq!(scrape.value("logistics_timer_overdue_seconds", PARTITION_0), Some(3.0));
    assert_eq!(scrape.value("logistics_clock_skew_seconds", PARTITION_0), Some(-1.5));
}
