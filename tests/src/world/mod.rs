//! Processes, a broker and a store, and the actions on them.

mod action;
mod release;
mod worker;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use logistics_core::port::{GroupEvent, ReadLimit, StoreWrite, Token, Topic};
use logistics_core::processor::{Phase, Settings};
use logistics_core::wire::{self, Record};
use logistics_core::{Cause, Fact, Offset, Partition, Timestamp};
use logistics_testkit::{Broker, Epoch, Member, MemoryStore, Snapshot};

use crate::workload::forged_outcome;
use action::without_parties;

pub use action::{Action, Fault};
pub use release::Release;
pub use worker::{Call, Worker};

/// An input that a client will append.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Input {
    /// The partition, which may differ from the order's.
    pub partition: Partition,
    /// The record.
    pub payload: Bytes,
}

/// A process: a member of the group, with a worker for each partition assigned to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its member id.
    pub member: Member,
    /// Whether it runs.
    pub up: bool,
    /// Its workers.
    pub workers: BTreeMap<Partition, Worker>,
    /// Milliseconds by which its clock is ahead of the log's. Negative: behind.
    pub ahead_ms: i64,
    /// Its release. Change it while the process is down.
    pub release: Release,
    /// Its writes are those of a release without lists of parties. Change it while the process is down.
    pub lists_no_parties: bool,
}

/// A record of another group's owner that is plausible in this group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecondWriter {
    /// Its position.
    pub partition: Partition,
    /// The record.
    pub offset: Offset,
    /// The owner of this group at that time.
    pub owner: Option<Epoch>,
}

/// The state of the whole system.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The log.
    pub broker: Broker,
    /// The store.
    pub store: MemoryStore,
    /// A snapshot of the store.
    pub snapshot: Option<Snapshot>,
    /// The processes.
    pub processes: Vec<Process>,
    /// The inputs that clients will append, in their order.
    pub inputs: Vec<Input>,
    /// The clock of the log and of the store.
    pub wall: Timestamp,
    /// Issued tokens of writes. A token never repeats.
    pub tokens: BTreeSet<Token>,
    /// Forged records, which claim to be an owner's.
    pub forged: BTreeSet<(Partition, Offset)>,
    /// Records of another group's owner.
    pub second: Option<SecondWriter>,
    /// The first violation found during an action.
    pub broken: Option<String>,
    acquisitions: u128,
    settings: Settings,
}

impl World {
    /// `processes` processes that have joined the group, and the future inputs.
    #[must_use]
    pub fn new(processes: u32, settings: Settings, inputs: Vec<Input>) -> Self {
        let mut broker = Broker::new(settings.partitions);
        let wall = Timestamp::from_millis(1_000_000);
        broker.set_time(wall);
        let start = |id| {
            let member = Member(id);
            broker.join(member);
            Process {
                member,
                up: true,
                workers: BTreeMap::new(),
                ahead_ms: 0,
                release: Release::default(),
                lists_no_parties: false,
            }
        };
        let processes = (0..processes).map(start).collect();
        Self {
            processes,
            broker,
            store: MemoryStore::new(settings.partitions),
            snapshot: None,
            inputs,
            wall,
            tokens: BTreeSet::new(),
            forged: BTreeSet::new(),
            second: None,
            broken: None,
            acquisitions: 0,
            settings,
        }
    }

    /// The number of partitions.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.settings.partitions
    }

    /// The time of a process's clock.
    #[must_use]
    pub fn clock(&self, process: usize) -> Timestamp {
        let ahead_ms = self.processes[process].ahead_ms;
        Timestamp::from_millis(self.wall.as_millis().saturating_add(ahead_ms))
    }

    /// The permitted difference of clocks, in milliseconds.
    #[must_use]
    pub fn clock_skew_ms_max(&self) -> u64 {
        self.settings.clock_skew_ms_max
    }

    /// Appends the next input.
    fn append(&mut self) {
        if !self.inputs.is_empty() {
            let Input { partition, payload } = self.inputs.remove(0);
            self.append_to(partition, payload);
        }
    }

    fn append_to(&mut self, partition: Partition, payload: Bytes) {
        let forged = wire::is_surely_from_processor(&payload);
        let offset = self.broker.append(Topic::Orders, partition, None, payload);
        if forged {
            self.forged.insert((partition, offset));
        }
    }

    /// Appends a copy of the latest record of an owner, as a mirror loop would.
    fn copy(&mut self, partition: Partition) {
        let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
        let start = self.broker.bounds(Topic::Orders, partition).start;
        let read = self.broker.read_committed(Topic::Orders, partition, start, limit);
        let Ok(Some(batch)) = read else { return };
        let own =
            batch.records.into_iter().rev().find(|record| wire::is_surely_from_processor(&record.payload));
        if let Some(record) = own {
            self.append_to(partition, record.payload);
        }
    }

    /// An owner of another group answers the first input that has no answer, while this group's owner is live. Of a record
    /// that comes while an owner starts, or behind its answer, the log alone says whether it can be true.
    fn answer_as_another(&mut self, partition: Partition) {
        let owner = self.broker.epoch(partition);
        let workers = self.processes.iter().filter_map(|process| process.workers.get(&partition));
        let is_live = |worker: &Worker| worker.epoch == owner && *worker.processor.phase() == Phase::Live;
        if self.broker.is_open(partition) || !workers.into_iter().any(is_live) {
            return;
        }
        let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
        let start = self.broker.bounds(Topic::Orders, partition).start;
        let read = self.broker.read_committed(Topic::Orders, partition, start, limit);
        let mut open = VecDeque::new();
        for record in read.ok().flatten().into_iter().flat_map(|batch| batch.records) {
            match wire::decode(&record, partition) {
                Ok(Record::Input(request)) => open.push_back((record.offset, request.order_id)),
                Ok(Record::Fact(Fact { cause: Cause::Timer { .. }, .. })) | Err(_) => {}
                Ok(Record::Fact(_) | Record::Outcome(_)) => _ = open.pop_front(),
            }
        }
        if let Some((answers, order_id)) = open.pop_front() {
            let Input { payload, .. } = forged_outcome(&order_id, answers.0, partition);
            let offset = self.broker.append(Topic::Orders, partition, None, payload);
            self.second = Some(SecondWriter { partition, offset, owner });
        }
    }

    /// Reads every order, which detects lost documents.
    pub fn read_every_order(&mut self) {
        for order_id in self.store.lost() {
            let _ = self.store.document(&order_id);
        }
    }

    /// The store loses one document of a partition.
    fn lose(&mut self, partition: Partition, n: usize) {
        let orders: Vec<_> = self.store.documents(partition).map(|(order_id, _)| order_id.clone()).collect();
        if let Some(order_id) = orders.get(n % orders.len().max(1)) {
            self.store.lose_document(order_id);
        }
    }

    /// A process receives the group's instruction, if there is one.
    fn poll(&mut self, process: usize) {
        let (member, now) = (self.processes[process].member, self.clock(process));
        let release = self.processes[process].release;
        match self.broker.poll_group(member) {
            Some(GroupEvent::Assigned(partitions)) => {
                for partition in partitions {
                    let worker = Worker::new(partition, self.settings.clone(), now);
                    self.processes[process].workers.insert(partition, worker);
                }
            }
            Some(GroupEvent::Revoked(partitions)) => {
                for partition in partitions {
                    match self.processes[process].workers.get_mut(&partition) {
                        Some(worker) => release.run(|| worker.revoke(now)),
                        None => self.broker.release(member, &[partition]),
                    }
                }
            }
            Some(GroupEvent::Lost(partitions)) => {
                for partition in partitions {
                    self.drop_worker(process, partition);
                }
            }
            None => {}
        }
    }

    /// Removes a worker. A store write that it sent may still arrive.
    fn drop_worker(&mut self, process: usize, partition: Partition) {
        if let Some(worker) = self.processes[process].workers.remove(&partition) {
            worker.into_writes().into_iter().for_each(|write| self.hold(process, write));
        }
    }

    /// A write of this process is in transit.
    fn hold(&mut self, process: usize, write: StoreWrite) {
        let write = if self.processes[process].lists_no_parties { without_parties(&write) } else { write };
        self.store.hold(write);
    }

    fn crash(&mut self, process: usize) {
        let partitions: Vec<_> = self.processes[process].workers.keys().copied().collect();
        partitions.into_iter().for_each(|partition| self.drop_worker(process, partition));
        self.processes[process].up = false;
        self.broker.expire(self.processes[process].member);
    }

    fn restart(&mut self, process: usize) {
        self.processes[process].up = true;
        self.broker.join(self.processes[process].member);
    }

    /// Collects the effects of the workers, and removes stopped workers.
    fn pump(&mut self) {
        for process in 0..self.processes.len() {
            let partitions: Vec<_> = self.processes[process].workers.keys().copied().collect();
            for partition in partitions {
                self.pump_worker(process, partition);
            }
        }
    }

    fn pump_worker(&mut self, process: usize, partition: Partition) {
        let (now, release) = (self.clock(process), self.processes[process].release);
        let Some(worker) = self.processes[process].workers.get_mut(&partition) else { return };
        let pumped = release.run(|| worker.pump(now));
        for write in pumped.late_writes {
            self.hold(process, write);
        }
        for token in pumped.tokens {
            if !self.tokens.insert(token) {
                self.broken = Some(format!("I7: the token {token} was issued twice"));
            }
        }
        if let Some(broken) = pumped.broken {
            self.broken = Some(broken);
        }
        if pumped.dropped {
            let member = self.processes[process].member;
            self.drop_worker(process, partition);
            self.broker.release(member, &[partition]);
        }
    }

    fn next_acquisition(&mut self) -> u128 {
        self.acquisitions += 1;
        self.acquisitions
    }

    /// The store's checkpoint of a partition.
    #[must_use]
    pub fn checkpoint(&self, partition: Partition) -> Option<(Offset, Offset)> {
        let checkpoint = self.store.recover(partition).checkpoint?;
        Some((checkpoint.offset, checkpoint.answered))
    }

    /// The writes that may still arrive.
    #[must_use]
    pub fn held(&self) -> &[StoreWrite] {
        self.store.held()
    }
}
