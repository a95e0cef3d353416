//! Processors: what happened to them.

use std::sync::atomic::{AtomicBool, Ordering};

use logistics_core::processor::{HaltCode, InterruptCode, ProcessorEvent};

use super::catalogue::{Family, Label};
use super::page::Page;
use super::value::Counter;

const INTERRUPT: Label = Label::new(
    "code",
    "`call_failed`, `fenced`, `commit_unknown`, `transaction_too_large`, `store_mismatch`, `checkpoint_ahead`, `documents_lost`, \
     `clock_stepped`",
);

const HALT: Label = Label::new(
    "code",
    "`log_truncated`, `log_lost_records`, `corrupt`, `input_too_large`, `second_writer`, `newer_release`, `document_unusable`, \
     `version_gap`, `external`",
);

pub(super) const ACQUISITIONS: Family = Family::counter(
    "logistics_processor_acquisitions_total",
    "acquisitions",
    &[],
    "How often a partition became live in this process.",
);

pub(super) const INTERRUPTS: Family = Family::counter(
    "logistics_processor_interrupts_total",
    "interrupts",
    &[INTERRUPT],
    "Attempts of processors that failed and that a retry follows.",
);

pub(super) const HALTS: Family = Family::counter(
    "logistics_processor_halts_total",
    "halts",
    &[HALT],
    "Partitions that halted. A halted partition waits for an operator.",
);

pub(super) const REBUILDS: Family = Family::counter(
    "logistics_processor_rebuilds_total",
    "rebuilds",
    &[],
    "Rebuilds of the store, because its checkpoint was made from another log.",
);

pub(super) const FOREIGN: Family = Family::counter(
    "logistics_processor_foreign_records_total",
    "records",
    &[],
    "Records that falsely claim to be an owner's. They change no order and are dead letters.",
);

/// The counts of processors' events.
#[derive(Default)]
pub(super) struct ProcessorEvents {
    /// The process has had a processor. Without one, it has no zeros of them.
    exist: AtomicBool,
    acquisitions: Counter,
    /// By the place of the code in `ALL`.
    interrupts: [Counter; InterruptCode::ALL.len()],
    halts: [Counter; HaltCode::ALL.len()],
    rebuilds: Counter,
    foreign: Counter,
}

impl ProcessorEvents {
    pub(super) fn count(&self, event: &ProcessorEvent) {
        match event {
            ProcessorEvent::Live { .. } => self.acquisitions.add(1),
            ProcessorEvent::Interrupted { code, .. } => {
                count(&InterruptCode::ALL, &self.interrupts, code);
                // The replay that follows writes the lost documents again.
                if *code == InterruptCode::DocumentsLost {
                    self.rebuilds.add(1);
                }
            }
            ProcessorEvent::Halted { code, .. } => count(&HaltCode::ALL, &self.halts, code),
            ProcessorEvent::Rebuilding { .. } => self.rebuilds.add(1),
            ProcessorEvent::Foreign { .. } => self.foreign.add(1),
            // Transactions report the others, or nothing counts them.
            _ => return,
        }
        self.exist.store(true, Ordering::Relaxed);
    }

    /// The process has, or had, a processor. From then on, every counter has a value: an increase needs a 0 before it.
    pub(super) fn exist(&self, now: bool) -> bool {
        self.exist.fetch_or(now, Ordering::Relaxed) || now
    }

    pub(super) fn expose(&self, page: &mut Page) {
        page.family(&ACQUISITIONS).count(&[], self.acquisitions.value());
        let mut series = page.family(&INTERRUPTS);
        for (code, count) in InterruptCode::ALL.into_iter().zip(&self.interrupts) {
            series.count(&[code.code()], count.value());
        }
        let mut series = page.family(&HALTS);
        for (code, count) in HaltCode::ALL.into_iter().zip(&self.halts) {
            series.count(&[code.code()], count.value());
        }
        page.family(&REBUILDS).count(&[], self.rebuilds.value());
        page.family(&FOREIGN).count(&[], self.foreign.value());
    }
}

/// Counts a code, at its place among all codes.
fn count<T: PartialEq>(all: &[T], counts: &[Counter], code: &T) {
    if let Some((_, count)) = all.iter().zip(counts).find(|(known, _)| *known == code) {
        count.add(1);
    }
}
