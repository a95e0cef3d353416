//! The processor against a log and a store that never fail, and against single failures. The faults in all their
//! combinations are covered by the model and the simulation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

mod bounds;
mod foreign;
mod producers;
mod readings;
mod rebuilding;
mod reports;
mod skew;

use super::*;
use crate::ids::{OrderId, RequestId, Timestamp, Version};
use crate::lifecycle::{Actor, Status};
use crate::order::Order;
use crate::outcome::{Outcome, OutcomeKind};
use crate::partitioner::partition_of;
use crate::policy::Policy;
use crate::port::{
    Batch, Bounds, ClearOutcome, CommitOutcome, Loaded, LogExtent, LogIdentity, LogRecord, PortErrorKind,
    ReadLimit, Recovery, StoreCheckpoint, StoreWrite, Topic, Transaction, WriteOutcome,
};
use crate::request::{Command, Placement, Request};
use crate::wire::{self, Record};

const HERE: Partition = Partition(0);

/// One partition's log and store, and the time.
#[derive(Default)]
struct TestPartition {
    log: Vec<LogRecord>,
    /// The log's first offset.
    start: u64,
    /// The log's identity; empty for the usual one.
    identity: String,
    others: Vec<(Topic, Partition)>,
    documents: BTreeMap<OrderId, Bytes>,
    timers: BTreeMap<OrderId, Timestamp>,
    /// Orders whose documents were lost, and that the store knows nevertheless.
    lost: BTreeSet<OrderId>,
    /// Orders whose write said so, so that a store looks for every index entry of theirs.
    rebuilt: BTreeSet<OrderId>,
    /// The documents that were written, with repetitions.
    written: Vec<OrderId>,
    /// Orders that a reader has missed.
    reported: BTreeSet<OrderId>,
    clears: usize,
    /// The store has a clock, which agrees with the log's.
    store_has_clock: bool,
    /// Bytes of one transaction that the log takes; 0: any.
    transaction_bytes_max: usize,
    /// Bytes of the largest load.
    loaded_bytes_max: usize,
    /// The log's clock minus this owner's, in milliseconds.
    log_ahead_ms: i64,
    checkpoint: Option<StoreCheckpoint>,
    acquisitions: u128,
    now: Now,
    /// What the next commits come to, instead of `Committed`.
    commits: VecDeque<CommitOutcome>,
    reading: Option<(CallId, Offset)>,
    read_limit: Option<ReadLimit>,
    events: Vec<ProcessorEvent>,
    reports: Vec<TransactionReport>,
}

impl TestPartition {
    fn append(&mut self, payload: Bytes) {
        let offset = Offset(self.log.len() as u64);
        self.log.push(LogRecord { offset, key: None, payload, headers: Vec::new(), at: self.log_time() });
    }

    fn log_time(&self) -> Timestamp {
        Timestamp::from_millis(self.now.wall.as_millis() + self.log_ahead_ms)
    }

    fn ask(&mut self, name: &str, command: Command) {
        let request = Request {
            id: RequestId::parse(&format!("r{}", self.log.len())).unwrap(),
            order_id: OrderId::parse(name).unwrap(),
            actor: if matches!(command, Command::Place(_)) { Actor::Customer } else { Actor::Operator },
            by: None,
            party: None,
            command,
            expected_version: None,
            reason: None,
            awaited: false,
            trace: None,
            at: self.now.wall,
        };
        self.append(wire::encode_request(&request));
    }

    fn place(&mut self, name: &str) {
        self.ask(name, Command::Place(Placement::default()));
    }

    fn pass(&mut self, ms: u64) {
        self.now.wall = self.now.wall.after_millis(ms);
        self.now.elapsed_ms += ms;
    }

    /// Carries out effects until there are none.
    fn settle(&mut self, processor: &mut Processor) {
        self.settle_with(processor, |_, _| {});
    }

    /// Does the same; `before` sees each effect first.
    fn settle_with(&mut self, processor: &mut Processor, mut before: impl FnMut(&mut Self, &Effect)) {
        loop {
            self.deliver_read(processor);
            let Some((call, effect)) = processor.poll_effect(self.now) else { break };
            before(self, &effect);
            if let Some(reply) = self.carry_out(call, effect) {
                processor.handle(self.now, call, reply);
                self.reports.extend(processor.poll_report().map(|report| *report));
            }
        }
        while let Some(event) = processor.poll_event() {
            self.events.push(event);
        }
    }

    /// The code of the halt, where the partition halted.
    fn halt_code(&self) -> Option<HaltCode> {
        self.events.iter().rev().find_map(|event| match event {
            ProcessorEvent::Halted { code, .. } => Some(*code),
            _ => None,
        })
    }

    /// The codes of the interrupts so far.
    fn interrupt_codes(&self) -> Vec<InterruptCode> {
        let code = |event: &ProcessorEvent| match event {
            ProcessorEvent::Interrupted { code, .. } => Some(*code),
            _ => None,
        };
        self.events.iter().filter_map(code).collect()
    }

    /// Answers the read under way, if there is something to read.
    fn deliver_read(&mut self, processor: &mut Processor) {
        if let Some((call, from)) = self.reading
            && from.0 < self.log.len() as u64
        {
            self.reading = None;
            let records = self.log[from.0 as usize..].to_vec();
            let batch = Batch { records, next: Offset(self.log.len() as u64) };
            processor.handle(self.now, call, Reply::Read(Ok(batch)));
        }
    }

    /// Answers the open read, within its limit.
    fn deliver_some(&mut self, processor: &mut Processor) {
        let Some((call, from, limit)) = self.reading.zip(self.read_limit).map(|((s, f), l)| (s, f, l)) else {
            return;
        };
        if from.0 >= self.log.len() as u64 {
            return;
        }
        self.reading = None;
        let (mut records, mut bytes) = (Vec::new(), 0);
        for record in &self.log[from.0 as usize..] {
            bytes += record.payload.len();
            if !records.is_empty() && (records.len() >= limit.records || bytes > limit.bytes) {
                break;
            }
            records.push(record.clone());
        }
        let next = Offset(from.0 + records.len() as u64);
        processor.handle(self.now, call, Reply::Read(Ok(Batch { records, next })));
    }

    fn carry_out(&mut self, call: CallId, effect: Effect) -> Option<Reply> {
        let token = self.checkpoint.as_ref().map(|checkpoint| checkpoint.token);
        Some(match effect {
            Effect::Acquire => {
                (self.reading, self.acquisitions) = (None, self.acquisitions + 1);
                Reply::Acquired(Ok(self.acquisitions))
            }
            Effect::Recover => {
                let timers = self.timers.iter().map(|(id, due)| (id.clone(), *due)).collect();
                Reply::Recovered(Ok(Recovery {
                    checkpoint: self.checkpoint.clone(),
                    timers,
                    now: self.store_has_clock.then(|| self.log_time()),
                }))
            }
            Effect::ReadEnd => Reply::End(Ok(LogExtent {
                bounds: Bounds { start: Offset(self.start), end: Offset(self.log.len() as u64) },
                log: LogIdentity::new(&format!("log{}", self.identity)),
            })),
            Effect::Read { from, limit } => {
                self.reading = Some((call, from));
                self.read_limit = Some(limit);
                return None;
            }
            Effect::Load { ids } => {
                let documents: Vec<_> = ids.iter().map(|id| self.documents.get(id).cloned()).collect();
                let bytes = documents.iter().flatten().map(Bytes::len).sum();
                self.loaded_bytes_max = self.loaded_bytes_max.max(bytes);
                let mut missing = std::mem::take(&mut self.reported);
                missing.extend(ids.into_iter().filter(|id| self.lost.contains(id)));
                Reply::Loaded(Ok(Loaded { token, documents, missing }))
            }
            Effect::Commit(transaction) => {
                let bytes: usize = transaction.records.iter().map(|record| record.payload.len()).sum();
                if self.transaction_bytes_max > 0 && bytes > self.transaction_bytes_max {
                    return Some(Reply::Committed(Err(PortErrorKind::TooLarge)));
                }
                Reply::Committed(Ok(self.commit(transaction)))
            }
            Effect::Write(write) => Reply::Written(Ok(self.write(write))),
            Effect::Clear { .. } => {
                self.clears += 1;
                self.timers.clear();
                let more = self.documents.pop_first().is_some();
                Reply::Cleared(Ok(if more { ClearOutcome::More } else { ClearOutcome::Done }))
            }
            Effect::AskGroup => Reply::Owned(Ok(true)),
        })
    }

    fn commit(&mut self, transaction: Transaction) -> CommitOutcome {
        let outcome = self.commits.pop_front().unwrap_or(CommitOutcome::Committed);
        if outcome == CommitOutcome::Committed {
            for record in transaction.records {
                match (record.topic, record.partition) {
                    (Topic::Orders, HERE) => self.append(record.payload),
                    elsewhere => self.others.push(elsewhere),
                }
            }
        }
        outcome
    }

    fn write(&mut self, write: StoreWrite) -> WriteOutcome {
        if self.checkpoint.as_ref().map(|checkpoint| checkpoint.token) != write.expected {
            return WriteOutcome::Mismatch;
        }
        let (offset, answered, token) = (write.offset, write.answered, write.next);
        self.checkpoint = Some(StoreCheckpoint { offset, answered, token, basis: Some(write.basis) });
        for document in write.documents {
            match document.due {
                Some(due) => self.timers.insert(document.order_id.clone(), due),
                None => self.timers.remove(&document.order_id),
            };
            self.lost.remove(&document.order_id);
            if document.rebuilt {
                self.rebuilt.insert(document.order_id.clone());
            }
            self.written.push(document.order_id.clone());
            self.documents.insert(document.order_id, document.json);
        }
        WriteOutcome::Applied
    }

    fn order(&self, name: &str) -> Order {
        Order::from_document(&self.documents[name]).unwrap()
    }

    /// The offsets that outcomes answer with a dead letter.
    fn dead_letters(&self) -> Vec<u64> {
        let dead = |record| match record {
            Record::Outcome(Outcome { offset, result: OutcomeKind::DeadLettered { .. }, .. }) => {
                Some(offset.0)
            }
            _ => None,
        };
        self.log.iter().filter_map(|record| wire::decode(record, HERE).ok()).filter_map(dead).collect()
    }

    fn facts(&self) -> Vec<(String, Version, Status)> {
        let fact = |record| match record {
            Record::Fact(fact) => Some((fact.order_id.to_string(), fact.version, fact.status)),
            _ => None,
        };
        self.log.iter().filter_map(|record| wire::decode(record, HERE).ok()).filter_map(fact).collect()
    }
}

fn started(policy: Policy) -> (TestPartition, Processor) {
    let mut partition = TestPartition {
        now: Now { wall: Timestamp::from_millis(1_000_000), elapsed_ms: 0 },
        ..TestPartition::default()
    };
    let processor = Processor::new(HERE, Settings::new(1, policy), partition.now);
    let mut processor = processor;
    partition.settle(&mut processor);
    assert_eq!(processor.phase(), &Phase::Live);
    (partition, processor)
}

fn restarted(partition: &mut TestPartition, policy: Policy) -> Processor {
    let mut processor = Processor::new(HERE, Settings::new(1, policy), partition.now);
    partition.settle(&mut processor);
    while let Phase::Waiting(_) = processor.phase() {
        partition.pass(processor.wake_in_ms(partition.now).unwrap_or_default());
        partition.settle(&mut processor);
    }
    processor
}

#[test]
fn without_dwell_an_order_is_delivered_by_one_transaction() {
    let (mut partition, mut processor) = started(Policy::simulate(0));
    partition.place("a");
    partition.settle(&mut processor);
    let statuses: Vec<_> =
        partition.facts().into_iter().map(|(_, version, status)| (version.0, status)).collect();
    use Status::*;
    assert_eq!(statuses, [(1, Placed), (2, Confirmed), (3, Preparing), (4, OutForDelivery), (5, Delivered)]);
    assert_eq!(partition.others.len(), 5, "one notification a fact");
    assert_eq!(partition.order("a").status, Delivered);
    assert_eq!(partition.timers.len(), 0);
}

#[test]
fn timers_fire_when_they_are_due_and_survive_a_restart() {
    let (mut partition, mut processor) = started(Policy::simulate(100));
    partition.place("a");
    partition.settle(&mut processor);
    assert_eq!(partition.order("a").status, Status::Placed);
    assert_eq!(processor.wake_in_ms(partition.now), Some(100));
    partition.pass(99);
    partition.settle(&mut processor);
    assert_eq!(partition.order("a").status, Status::Placed);
    partition.pass(1);
    let mut processor = restarted(&mut partition, Policy::simulate(100));
    assert_eq!(partition.order("a").status, Status::Confirmed);
    for _ in 0..3 {
        partition.pass(100);
        partition.settle(&mut processor);
    }
    assert_eq!(partition.order("a").status, Status::Delivered);
}

#[test]
fn timers_come_back_from_the_log_alone() {
    let (mut partition, mut processor) = started(Policy::simulate(100));
    partition.place("a");
    partition.settle(&mut processor);
    (partition.checkpoint, partition.documents, partition.timers) = (None, BTreeMap::new(), BTreeMap::new());
    let mut processor = restarted(&mut partition, Policy::simulate(100));
    assert_eq!(processor.wake_in_ms(partition.now), Some(100));
    partition.pass(100);
    partition.settle(&mut processor);
    assert_eq!(partition.order("a").status, Status::Confirmed);
}

#[test]
fn a_request_that_waited_longer_than_a_timer_goes_first() {
    let (mut partition, processor) = started(Policy::simulate(100));
    let mut processor = processor;
    partition.place("a");
    partition.settle(&mut processor);
    drop(processor);
    partition.pass(50);
    partition.ask("a", Command::Cancel);
    partition.pass(500);
    restarted(&mut partition, Policy::simulate(100));
    assert_eq!(partition.order("a").status, Status::Cancelled);
    assert_eq!(partition.facts().len(), 2);
}

#[test]
fn an_unknown_commit_is_not_repeated_from_memory() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.commits.push_back(CommitOutcome::Unknown);
    partition.place("a");
    partition.settle(&mut processor);
    assert!(matches!(processor.phase(), Phase::Waiting(_)));
    assert_eq!(partition.facts().len(), 0);
    partition.pass(processor.wake_in_ms(partition.now).unwrap());
    partition.settle(&mut processor);
    assert_eq!(processor.phase(), &Phase::Live);
    assert_eq!(partition.acquisitions, 2);
    assert_eq!(partition.facts().len(), 1);
}

#[test]
fn an_emptied_store_is_rebuilt_without_a_request() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.place("b");
    partition.settle(&mut processor);
    let documents = std::mem::take(&mut partition.documents);
    (partition.checkpoint, partition.timers) = (None, BTreeMap::new());
    for _ in 0..20 {
        partition.pass(processor.wake_in_ms(partition.now).unwrap());
        partition.settle(&mut processor);
    }
    assert_eq!(partition.documents, documents);
    assert_eq!(processor.phase(), &Phase::Live);
    assert_eq!(partition.facts().len(), 2);
}

#[test]
fn at_rest_the_checkpoint_reaches_the_end_and_nothing_more_is_written() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    for _ in 0..5 {
        partition.pass(1000);
        partition.settle(&mut processor);
    }
    let checkpoint = partition.checkpoint.clone().unwrap();
    let end = Offset(partition.log.len() as u64);
    assert_eq!((checkpoint.offset, checkpoint.answered), (end, end));
    partition.pass(1000);
    partition.settle(&mut processor);
    assert_eq!(partition.checkpoint.unwrap(), checkpoint);
}

#[test]
fn garbage_and_misplaced_inputs_are_moved_past_with_an_outcome() {
    let settings = Settings::new(2, Policy::manual());
    let mut partition = TestPartition::default();
    let elsewhere = (0..)
        .map(|n| format!("o{n}"))
        .find(|name| partition_of(&OrderId::parse(name).unwrap(), 2) == Partition(1));
    partition.append(Bytes::from_static(b"\xff garbage"));
    partition.place(&elsewhere.unwrap());
    let mut processor = Processor::new(HERE, settings, partition.now);
    partition.settle(&mut processor);
    assert_eq!(partition.others, [(Topic::DeadLetters, HERE), (Topic::Orders, Partition(1))]);
    let kinds: Vec<_> = partition.log[2..]
        .iter()
        .map(|record| match wire::decode(record, HERE).unwrap() {
            Record::Outcome(outcome) => outcome.offset,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, [Offset(0), Offset(1)]);
}

#[test]
fn a_fact_of_another_major_version_halts_and_is_not_skipped() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    let newer = String::from_utf8(partition.log[1].payload.to_vec()).unwrap().replace("order:1", "order:5");
    partition.log[1].payload = Bytes::from(newer);
    (partition.checkpoint, partition.documents) = (None, BTreeMap::new());
    let processor = restarted(&mut partition, Policy::manual());
    assert!(matches!(processor.phase(), Phase::Halted(reason) if reason.contains("order:5")));
    assert_eq!(partition.halt_code(), Some(HaltCode::NewerRelease));
}

/// What this release does with a status of the next one: it neither skips the fact nor decides its input again.
#[test]
fn a_fact_with_an_unknown_status_halts_live_and_on_replay() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.ask("a", Command::Transition { to: Status::Confirmed });
    partition.settle(&mut processor);
    let own = partition.log.len() - 1;
    let fact = String::from_utf8(partition.log[own].payload.to_vec()).unwrap();
    let unknown = fact.replace("CONFIRMED", "SHREDDED").replace("order.confirmed", "order.shredded");
    assert_ne!(fact, unknown);

    partition.append(Bytes::from(unknown.clone()));
    partition.settle(&mut processor);
    assert!(matches!(processor.phase(), Phase::Halted(reason) if reason.contains("SHREDDED")));
    assert_eq!(partition.halt_code(), Some(HaltCode::NewerRelease));

    partition.log.pop();
    partition.log[own].payload = Bytes::from(unknown);
    (partition.checkpoint, partition.documents) = (None, BTreeMap::new());
    let (end, processor) = (partition.log.len(), restarted(&mut partition, Policy::manual()));
    assert!(matches!(processor.phase(), Phase::Halted(reason) if reason.contains("SHREDDED")));
    assert_eq!((partition.halt_code(), partition.log.len()), (Some(HaltCode::NewerRelease), end));
}

#[test]
fn what_an_owner_wrote_in_a_layout_of_its_own_halts_a_live_one_too() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    let fact = String::from_utf8(partition.log[1].payload.to_vec()).unwrap();
    partition.append(Bytes::from(fact.replace("order:1", "order:5").replacen('{', "{ ", 1)));
    partition.settle(&mut processor);
    assert!(matches!(processor.phase(), Phase::Halted(reason) if reason.contains("order:5")));
}

#[test]
fn a_log_that_no_longer_holds_what_the_store_is_missing_halts() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    partition.checkpoint = None;
    let mut processor = Processor::new(HERE, Settings::new(1, Policy::manual()), partition.now);
    while let Some((call, effect)) = processor.poll_effect(partition.now) {
        let reply = match effect {
            Effect::Read { .. } => Reply::Read(Err(PortErrorKind::Truncated)),
            effect => partition.carry_out(call, effect).unwrap(),
        };
        processor.handle(partition.now, call, reply);
    }
    assert!(matches!(processor.phase(), Phase::Halted(reason) if reason.contains("restore the log")));
}

#[test]
fn a_fact_whose_predecessor_the_log_does_not_have_is_a_dead_letter_and_its_order_is_decided_anew() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    partition.ask("a", Command::Transition { to: Status::Confirmed });
    partition.settle(&mut processor);
    partition.log[1].payload = partition.log[0].payload.clone();
    (partition.checkpoint, partition.documents) = (None, BTreeMap::new());
    let processor = restarted(&mut partition, Policy::manual());
    assert_eq!(processor.phase(), &Phase::Live);
    let versions: Vec<_> =
        partition.facts().into_iter().skip(1).map(|(_, version, status)| (version.0, status)).collect();
    assert_eq!(versions, [(1, Status::Placed), (2, Status::Confirmed)]);
    assert!(partition.others.contains(&(Topic::DeadLetters, HERE)));
}

#[test]
fn a_store_ahead_of_the_log_is_read_again_and_then_halts_the_partition() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    partition.log.clear();
    partition.checkpoint.as_mut().unwrap().offset = Offset(1);
    let mut processor = restarted(&mut partition, Policy::manual());
    for _ in 0..10 {
        partition.pass(processor.wake_in_ms(partition.now).unwrap_or_default());
        partition.settle(&mut processor);
    }
    assert!(matches!(processor.phase(), Phase::Halted(_)));
    assert_eq!(partition.acquisitions, 1 + 5);
}

#[test]
fn stopping_with_a_flush_brings_the_store_up_to_date() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    processor.stop(partition.now, true);
    partition.settle(&mut processor);
    assert_eq!(processor.phase(), &Phase::Dropped);
    assert_eq!(partition.order("a").version, Version(1));
    assert_eq!(partition.checkpoint.unwrap().answered, Offset(1));
}

#[test]
fn a_timer_fires_although_the_clock_stepped_back_while_its_order_was_loaded() {
    let (mut partition, mut processor) = started(Policy::simulate(100));
    partition.place("a");
    partition.settle(&mut processor);
    let mut processor = restarted(&mut partition, Policy::simulate(100));
    let before = partition.now.wall;
    partition.pass(100);
    let due = partition.now.wall;
    // An input dated ahead of the clock: timers are looked at up to its time.
    partition.place("b");
    let mut loads = 0;
    partition.settle_with(&mut processor, |partition, effect| {
        if matches!(effect, Effect::Load { .. }) {
            (partition.now.wall, loads) = (before, loads + 1);
        }
    });
    assert_eq!(loads, 1);
    partition.now.wall = due;
    partition.settle(&mut processor);
    assert_eq!(partition.order("a").version, Version(2));
}
