//! Analyses an export, and checks that it can be imported.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use logistics_cli_kit::Failure;
use logistics_core::port::LogRecord;
use logistics_core::wire::{self, Record};
use logistics_core::{Cause, Fact, Offset, OrderId, OutcomeKind, Partition, Version};

use super::export::{Export, Exported, Records};

/// The analysis of an export. It keeps some bytes for each order and each forwarded input.
#[derive(Default)]
pub(super) struct Plan {
    /// Every input of the partition below this offset is answered.
    answered: BTreeMap<Partition, Offset>,
    /// Inputs that have a copy in the partition of their order.
    pub(super) forwarded: HashSet<(Partition, Offset)>,
    /// Forged records, which claim to be an owner's, and their outcomes.
    foreign: HashSet<(Partition, Offset)>,
    /// Dead-lettered records, forged ones included.
    dead: HashSet<(Partition, Offset)>,
    pub(super) foreign_records: u64,
    pub(super) inputs: u64,
    pub(super) unanswered: u64,
    pub(super) facts: u64,
    pub(super) outcomes: u64,
}

impl Plan {
    /// Reads the whole export.
    ///
    /// # Errors
    /// One sentence with the line number, if the export is not a whole and valid log.
    pub(super) fn of(export: &mut Export) -> Result<Self, Failure> {
        let mut scan = Scan::default();
        scan.plan.dead = dead_letters(&mut export.records()?)?;
        let mut records = export.records()?;
        while let Some(exported) = records.next()? {
            let found = scan.record(exported.partition, &exported.record);
            found.map_err(|problem| records.line_error(&problem))?;
        }
        let Scan { mut plan, copies_wanted, partitions, .. } = scan;
        plan.unanswered = partitions.values().map(|partition| partition.waiting.len() as u64).sum();
        plan.inputs -= plan.forwarded.len() as u64;
        plan.answered =
            partitions.into_iter().map(|(number, partition)| (number, partition.answered)).collect();
        if !copies_wanted.is_empty() {
            plan.find_copies(&mut export.records()?, copies_wanted)?;
        }
        Ok(plan)
    }

    /// Whether the input has an outcome.
    pub(super) fn is_answered(&self, partition: Partition, offset: Offset) -> bool {
        self.answered.get(&partition).is_some_and(|answered| offset < *answered)
    }

    /// Whether the input has a copy in its order's partition. The import skips it.
    pub(super) fn is_forwarded(&self, partition: Partition, offset: Offset) -> bool {
        self.forwarded.contains(&(partition, offset))
    }

    /// Whether the record is forged. The import skips it, because another log could accept it as an owner's.
    pub(super) fn is_foreign(&self, partition: Partition, offset: Offset) -> bool {
        self.foreign.contains(&(partition, offset))
    }

    /// Whether the outcome of the record is a dead letter.
    pub(super) fn is_dead(&self, partition: Partition, offset: Offset) -> bool {
        self.dead.contains(&(partition, offset))
    }

    /// Checks that each forwarded input has its copy. An export of a running system may lack one.
    fn find_copies(
        &self,
        records: &mut Records<'_>,
        mut wanted: HashMap<(Partition, u64), u64>,
    ) -> Result<(), Failure> {
        while let Some(exported) = records.next()? {
            let (partition, record) = (exported.partition, exported.record);
            // Decodes only the few records that have the bytes of a forwarded one.
            if let Some(copies) = wanted.get_mut(&(partition, fingerprint(&record)))
                && !self.forwarded.contains(&(partition, record.offset))
                && !is_from_processor(&record, partition)
            {
                *copies = copies.saturating_sub(1);
            }
        }
        match wanted.values().find(|copies| **copies > 0) {
            None => Ok(()),
            Some(_) => Err(Failure::refused(
                "the export lacks the copy of a forwarded input; stop the processors and export again",
            )),
        }
    }
}

/// The dead-lettered records. An outcome that names a dead letter may be dead-lettered itself by a later outcome, so the
/// last outcomes are evaluated first.
fn dead_letters(records: &mut Records<'_>) -> Result<HashSet<(Partition, Offset)>, Failure> {
    let mut letters = Vec::new();
    while let Some(Exported { partition, record, .. }) = records.next()? {
        if let Ok(Record::Outcome(outcome)) = wire::decode(&record, partition)
            && matches!(outcome.result, OutcomeKind::DeadLettered { .. })
        {
            letters.push((partition, record.offset, outcome.offset));
        }
    }
    let mut dead = HashSet::new();
    for (partition, offset, answers) in letters.into_iter().rev() {
        if !dead.contains(&(partition, offset)) {
            dead.insert((partition, answers));
        }
    }
    Ok(dead)
}

/// A hash of the payload. An input and its copy have the same.
fn fingerprint(record: &LogRecord) -> u64 {
    let mut hasher = DefaultHasher::new();
    record.payload.hash(&mut hasher);
    hasher.finish()
}

fn is_from_processor(record: &LogRecord, partition: Partition) -> bool {
    match wire::decode(record, partition) {
        Ok(Record::Input(_)) => false,
        Ok(Record::Fact(_) | Record::Outcome(_)) => true,
        Err(error) => error.from_processor,
    }
}

/// An export that is being read.
#[derive(Default)]
struct Scan {
    plan: Plan,
    /// Fingerprints of facts that timers caused. A new owner skips a copy of such a fact without an outcome.
    timer_facts: HashSet<u64>,
    partitions: BTreeMap<Partition, PartitionScan>,
    versions: HashMap<OrderId, Version>,
    /// How many copies of forwarded inputs must exist, by target partition and fingerprint.
    copies_wanted: HashMap<(Partition, u64), u64>,
}

#[derive(Default)]
struct PartitionScan {
    next: Offset,
    answered: Offset,
    /// Inputs without an outcome so far, and their fingerprints.
    waiting: VecDeque<(Offset, u64)>,
}

impl Scan {
    fn record(&mut self, number: Partition, record: &LogRecord) -> Result<(), String> {
        let partition = self.partitions.entry(number).or_default();
        if record.offset < partition.next {
            return Err(format!("offset {} of partition {number} follows a later offset", record.offset));
        }
        partition.next = record.offset.next();
        let place = (number, record.offset);
        match wire::decode(record, number) {
            Ok(Record::Input(_)) => self.input(number, record),
            Err(error) if !error.from_processor => self.input(number, record),
            Ok(Record::Fact(_) | Record::Outcome(_)) if self.plan.is_dead(number, record.offset) => {
                self.foreign(place)
            }
            Err(_) if self.plan.is_dead(number, record.offset) => self.foreign(place),
            Ok(Record::Outcome(outcome)) if self.plan.foreign.contains(&(number, outcome.offset)) => {
                self.plan.foreign.insert(place);
            }
            Ok(Record::Fact(fact)) if self.is_copy(&fact, record) => self.foreign(place),
            Err(error) => return Err(format!("this build cannot read this fact or outcome: {error}")),
            Ok(Record::Fact(fact)) => {
                self.fact(number, &fact)?;
                if fact.cause.answers().is_none() {
                    self.timer_facts.insert(fingerprint(record));
                }
            }
            Ok(Record::Outcome(outcome)) => {
                self.plan.outcomes += 1;
                let fingerprint = self.answer(number, outcome.offset)?;
                if let OutcomeKind::Forwarded { to } = outcome.result {
                    self.plan.forwarded.insert((number, outcome.offset));
                    self.plan.outcomes -= 1;
                    *self.copies_wanted.entry((to, fingerprint)).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    fn foreign(&mut self, place: (Partition, Offset)) {
        self.plan.foreign.insert(place);
        self.plan.foreign_records += 1;
    }

    fn is_copy(&self, fact: &Fact, record: &LogRecord) -> bool {
        let has = self.versions.get(&fact.order_id).is_some_and(|version| fact.version <= *version);
        has && self.timer_facts.contains(&fingerprint(record))
    }

    fn input(&mut self, number: Partition, record: &LogRecord) {
        self.plan.inputs += 1;
        let partition = self.partitions.entry(number).or_default();
        partition.waiting.push_back((record.offset, fingerprint(record)));
    }

    fn fact(&mut self, number: Partition, fact: &Fact) -> Result<(), String> {
        let version = self.versions.entry(fact.order_id.clone()).or_default();
        if fact.version != version.next() {
            return Err(format!(
                "a fact of order {} has version {}, but version {} is next; the export is not a whole log",
                fact.order_id,
                fact.version,
                version.next()
            ));
        }
        *version = fact.version;
        self.plan.facts += 1;
        match fact.cause {
            Cause::Request { offset, .. } => self.answer(number, offset).map(drop),
            Cause::Timer { .. } => Ok(()),
        }
    }

    /// Records that the input at this offset is answered, and returns its fingerprint.
    fn answer(&mut self, number: Partition, offset: Offset) -> Result<u64, String> {
        let partition = self.partitions.entry(number).or_default();
        let Some((_, fingerprint)) = partition.waiting.pop_front_if(|(next, _)| *next == offset) else {
            let next = partition.waiting.front().map_or("none".to_owned(), |(next, _)| format!("at {next}"));
            return Err(format!(
                "the outcome is for the input at offset {offset} of partition {number}, but the next input is {next}; \
                 check the exported log with `logistics verify`"
            ));
        };
        partition.answered = offset.next();
        Ok(fingerprint)
    }
}
