//! Processors: the state of each at a scrape.

use logistics_core::observe::ProcessorReading;

use super::catalogue::{Family, Label, PARTITION, Subject};
use super::page::Page;
use super::processor_events as events;
use super::readings::{Readings, seconds, unix_seconds};

const PHASE: Family = Family::gauge(
    "logistics_processor_phase",
    "1",
    &[
        PARTITION,
        Label::new(
            "phase",
            "a phase of the processor, such as `acquiring`, `recovering`, `replaying`, `live`, `waiting`, `halted`, `stopping`",
        ),
    ],
    "Always 1: the phase of the processor now.",
);

const PHASE_START: Family = Family::gauge(
    "logistics_processor_phase_start_timestamp_seconds",
    "seconds",
    &[PARTITION],
    "The start of the phase, as seconds since the Unix epoch.",
);

const READ_POSITION: Family =
    Family::gauge("logistics_processor_read_position", "offset", &[PARTITION], "The next offset to read.");

const ANSWERED: Family = Family::gauge(
    "logistics_processor_answered_offset",
    "offset",
    &[PARTITION],
    "Every input before this offset is answered.",
);

const WAITING_INPUTS: Family = Family::gauge(
    "logistics_processor_waiting_inputs",
    "inputs",
    &[PARTITION],
    "Inputs that were read and are not answered.",
);

const LAG: Family = Family::gauge(
    "logistics_processor_lag_seconds",
    "seconds",
    &[PARTITION],
    "Age of the oldest input that was read and is not answered; 0 if there is none.",
);

const MEMORY: Family = Family::gauge(
    "logistics_processor_memory_bytes",
    "bytes",
    &[PARTITION],
    "Estimated memory of the processor.",
);

const MEMORY_LIMIT: Family = Family::gauge(
    "logistics_processor_memory_limit_bytes",
    "bytes",
    &[PARTITION],
    "The limit of the memory of the processor.",
);

const TIMERS: Family =
    Family::gauge("logistics_timers", "timers", &[PARTITION], "Timers that have not fired.");

const TIMER_OVERDUE: Family = Family::gauge(
    "logistics_timer_overdue_seconds",
    "seconds",
    &[PARTITION],
    "How long the earliest timer has been due; 0 if none is due.",
);

const CLOCK_SKEW: Family = Family::gauge(
    "logistics_clock_skew_seconds",
    "seconds",
    &[PARTITION],
    "This clock minus the log's while the two differ by more than permitted, so that no timer fires; otherwise 0.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Processors",
    text: "Of processes with processors. Only the owner of a partition has its series: they end when it gives the partition up. A \
           partition without `logistics_processor_phase` in any process has no owner. The counters have no label of the partition, \
           because they outlive its ownership.",
    families: &[
        PHASE,
        PHASE_START,
        READ_POSITION,
        ANSWERED,
        WAITING_INPUTS,
        LAG,
        MEMORY,
        MEMORY_LIMIT,
        TIMERS,
        TIMER_OVERDUE,
        CLOCK_SKEW,
        events::ACQUISITIONS,
        events::INTERRUPTS,
        events::HALTS,
        events::REBUILDS,
        events::FOREIGN,
    ],
};

/// The partitions of a scrape, each with its label.
type Partitions<'a> = Vec<(String, &'a ProcessorReading)>;

pub(super) fn expose(readings: &Readings, page: &mut Page) {
    let partitions: Partitions<'_> =
        readings.processors.iter().map(|(at, of)| (at.0.to_string(), of)).collect();
    let mut series = page.family(&PHASE);
    for (partition, processor) in &partitions {
        series.count(&[partition, processor.phase], 1);
    }
    values(page, &PHASE_START, &partitions, |processor| unix_seconds(processor.phase_since));
    counts(page, &READ_POSITION, &partitions, |processor| processor.read_position.0);
    counts(page, &ANSWERED, &partitions, |processor| processor.answered.0);
    counts(page, &WAITING_INPUTS, &partitions, |processor| wide(processor.waiting_inputs));
    values(page, &LAG, &partitions, |processor| readings.age(processor.oldest_input_at));
    counts(page, &MEMORY, &partitions, |processor| wide(processor.memory_bytes));
    counts(page, &MEMORY_LIMIT, &partitions, |processor| wide(processor.memory_limit_bytes));
    counts(page, &TIMERS, &partitions, |processor| wide(processor.timers));
    values(page, &TIMER_OVERDUE, &partitions, |processor| readings.age(processor.next_due));
    values(page, &CLOCK_SKEW, &partitions, |processor| skew(processor.clock_skew_ms));
}

fn counts(
    page: &mut Page,
    family: &'static Family,
    partitions: &Partitions<'_>,
    value: impl Fn(&ProcessorReading) -> u64,
) {
    let mut series = page.family(family);
    for (partition, processor) in partitions {
        series.count(&[partition], value(processor));
    }
}

fn values(
    page: &mut Page,
    family: &'static Family,
    partitions: &Partitions<'_>,
    value: impl Fn(&ProcessorReading) -> f64,
) {
    let mut series = page.family(family);
    for (partition, processor) in partitions {
        series.value(&[partition], value(processor));
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Signed: a clock that is behind has a negative skew.
fn skew(millis: Option<i64>) -> f64 {
    let millis = millis.unwrap_or(0);
    let size = seconds(millis.unsigned_abs());
    if millis < 0 { -size } else { size }
}
