//! A worker: a processor, its clock and the calls that it has under way.

use logistics_core::port::{LogRecord, NewRecord, StoreWrite, Token, Topic, Transaction};
use logistics_core::processor::{Effect, Now, Phase, Processor, Settings, CallId};
use logistics_core::testkit::Epoch;
use logistics_core::wire::{self, Record, is_surely_from_processor};
use logistics_core::{Offset, Partition, Timestamp};

/// A call under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Call {
    /// Its name.
    pub stamp: CallId,
    /// What is to be done.
    pub effect: Effect,
    /// Steps of it that are done: a commit is to write, to send offsets, and to commit.
    pub done: u8,
}

/// The owner of a partition, as far as it knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Worker {
    /// The state machine under test.
    pub processor: Processor,
    /// The producer that it holds.
    pub epoch: Option<Epoch>,
    /// Its calls under way.
    pub calls: Vec<Call>,
    pub(super) elapsed_ms: u64,
    revoked: bool,
}

/// What came out of a worker.
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

    /// Takes the processor's effects as calls.
    pub(super) fn pump(&mut self, wall: Timestamp) -> Pumped {
        let mut pumped = Pumped::default();
        let now = self.now(wall);
        while let Some((stamp, effect)) = self.processor.poll_effect(now) {
            match &effect {
                // Whatever is under way is given up; a store write that was sent may still arrive.
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

    /// I4, and the half of I5 that is seen here.
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
