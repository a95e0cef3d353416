//! A worker: a processor, its clock and its pending calls.

use logistics_core::port::{LogRecord, NewRecord, StoreWrite, Token, Topic, Transaction};
use logistics_core::processor::{CallId, Effect, Now, Phase, Processor, Settings};
use logistics_core::wire::{self, Record, is_surely_from_processor};
use logistics_core::{Offset, Partition, Timestamp};
use logistics_testkit::Epoch;

/// A pending call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// Its name.
    pub stamp: CallId,
    /// The call's effect.
    pub effect: Effect,
    /// Completed steps. A commit writes records, sends offsets and commits.
    pub done: u8,
}

/// An owner of a partition, which may be fenced without knowing it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Worker {
    /// The state machine under test.
    pub processor: Processor,
    /// The epoch of its producer.
    pub epoch: Option<Epoch>,
    /// Its pending calls.
    pub calls: Vec<Call>,
    pub(super) elapsed_ms: u64,
    revoked: bool,
}

/// The result of a worker's step.
#[derive(Default)]
pub(super) struct Pumped {
    pub(super) late_writes: Vec<StoreWrite>,
    pub(super) tokens: Vec<Token>,
    pub(super) broken: Option<String>,
    pub(super) dropped: bool,
}

impl Worker {
    pub(super) fn new(partition: Partition, settings: Settings, wall: Timestamp) -> Self {
        let processor = Processor::new(partition, settings, Now { wall, elapsed_ms: 0 });
        Self { processor, epoch: None, calls: Vec::new(), elapsed_ms: 0, revoked: false }
    }

    pub(super) fn now(&self, wall: Timestamp) -> Now {
        Now { wall, elapsed_ms: self.elapsed_ms }
    }

    pub(super) fn revoke(&mut self, wall: Timestamp) {
        self.revoked = true;
        let now = self.now(wall);
        self.processor.stop(now, false);
    }

    /// Turns the processor's effects into calls.
    pub(super) fn pump(&mut self, wall: Timestamp) -> Pumped {
        let mut pumped = Pumped::default();
        let now = self.now(wall);
        while let Some((stamp, effect)) = self.processor.poll_effect(now) {
            match &effect {
                // Pending calls are dropped. A store write that was sent may still arrive.
                Effect::Acquire => {
                    let calls = std::mem::take(&mut self.calls);
                    pumped.late_writes.extend(calls.into_iter().filter_map(Call::into_write));
                    self.epoch = None;
                }
                Effect::Write(write) => pumped.tokens.push(write.next),
                Effect::Commit(transaction) => pumped.broken = self.check_transaction(transaction),
                _ => {}
            }
            self.calls.push(Call { stamp, effect, done: 0 });
        }
        while self.processor.poll_event().is_some() {}
        pumped.dropped = *self.processor.phase() == Phase::Dropped;
        pumped
    }

    pub(super) fn into_writes(self) -> Vec<StoreWrite> {
        self.calls.into_iter().filter_map(Call::into_write).collect()
    }

    /// Checks I4, and the part of I5 that is visible here.
    fn check_transaction(&self, transaction: &Transaction) -> Option<String> {
        let here = self.processor.partition();
        if self.epoch.is_none() {
            return Some("I5: a transaction before the acquisition".to_owned());
        }
        let stray = transaction.records.iter().find(|record| {
            let forwarded = record.topic == Topic::Orders && !is_surely_from_processor(&record.payload);
            record.partition != here && !forwarded
        });
        let behind = self.processor.committed().is_some_and(|committed| transaction.next < committed);
        let mut answers = transaction.records.iter().filter_map(|record| answered_by(record, here));
        let passed = answers.find(|answers| *answers >= transaction.next);
        match (stray, behind, passed) {
            (Some(record), ..) => Some(format!("I4: {here} writes its own {record:?} elsewhere")),
            (None, true, _) => Some(format!("I4: the next offset goes back to {}", transaction.next)),
            (None, false, Some(input)) => Some(format!(
                "I4: the input at {input} is answered, and the next offset is {}",
                transaction.next
            )),
            (None, false, None) => None,
        }
    }
}

/// The input that a record of a transaction answers.
fn answered_by(record: &NewRecord, here: Partition) -> Option<Offset> {
    if record.topic != Topic::Orders {
        return None;
    }
    let (key, payload) = (record.key.clone(), record.payload.clone());
    let record =
        LogRecord { offset: Offset::default(), key, headers: Vec::new(), payload, at: Timestamp::default() };
    match wire::decode(&record, here) {
        Ok(Record::Fact(fact)) => fact.cause.answers(),
        Ok(Record::Outcome(outcome)) => Some(outcome.offset),
        Ok(Record::Input(_)) | Err(_) => None,
    }
}

impl Call {
    fn into_write(self) -> Option<StoreWrite> {
        match self.effect {
            Effect::Write(write) => Some(write),
            _ => None,
        }
    }
}
