//! The actions and faults of a world.

use logistics_core::Partition;
use logistics_core::port::{
    CommitOutcome, LogIdentity, OrderParties, PortErrorKind, Recovery, StoreWrite, Topic, Transaction,
    WriteOutcome,
};
use logistics_core::processor::{Effect, Reply};
use logistics_testkit::CommitFate;

use super::{Process, Worker, World};

/// The fault of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No fault.
    None,
    /// It fails without effect.
    Refused,
    /// It takes effect, and the reply is lost.
    AnswerLost,
    /// A store write that fails and arrives later, or never.
    Late,
    /// A commit with this result.
    Commit(CommitFate),
}

/// One action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client appends the next input.
    Append,
    /// A process receives an instruction of the group.
    Poll(usize),
    /// One step of a call of the process's worker of a partition: the call at this place.
    Step(usize, Partition, usize, Fault),
    /// A worker's clock advances to its next wake-up.
    Wake(usize, Partition),
    /// All clocks advance by this many milliseconds.
    Pass(u64),
    /// The clock of a process is set to this many milliseconds ahead of the log's. Negative: behind.
    SetClock(usize, i64),
    /// A process and its session end.
    Crash(usize),
    /// A process starts, or restarts after its session expired.
    Restart(usize),
    /// The session of a process expires while the process continues.
    Expire(usize),
    /// The group moves a partition to a process.
    Move(Partition, usize),
    /// A late store write arrives.
    Arrive(usize),
    /// A late store write never arrives.
    Vanish(usize),
    /// The store is wiped.
    Wipe,
    /// A snapshot of the store is taken.
    Save,
    /// The store is restored to the snapshot.
    Restore,
    /// A copy of the latest record of an owner of the partition is appended to it.
    Copy(Partition),
    /// An owner of another group answers an input of the partition.
    Answer(Partition),
    /// The store loses a document of a partition: the one at this index, modulo their number.
    Lose(Partition, usize),
    /// The log gets another identity, as a copy would have.
    Rename(u32),
    /// The group's committed offsets are deleted.
    ExpireOffsets,
    /// The broker ends a transaction that is open for too long, or decided.
    EndTransaction(Partition),
}

impl World {
    /// Performs the action. An impossible action changes nothing.
    pub fn apply(&mut self, action: Action) {
        match action {
            Action::Append => self.append(),
            Action::Poll(process) => self.poll(process),
            Action::Step(process, partition, call, fault) => self.step(process, partition, call, fault),
            Action::Wake(process, partition) => self.wake(process, partition),
            Action::Pass(ms) => self.pass(ms),
            Action::SetClock(process, ahead_ms) => self.processes[process].ahead_ms = ahead_ms,
            Action::Crash(process) => self.crash(process),
            Action::Restart(process) => self.restart(process),
            Action::Expire(process) => self.broker.expire(self.processes[process].member),
            Action::Move(partition, process) => {
                self.broker.move_partition(partition, self.processes[process].member);
            }
            Action::Arrive(index) => _ = self.store.apply_held(index),
            Action::Vanish(index) => _ = self.store.drop_held(index),
            Action::Wipe => self.store.wipe(),
            Action::Save => self.snapshot = Some(self.store.snapshot()),
            Action::Restore => {
                if let Some(snapshot) = self.snapshot.take() {
                    self.store.restore(&snapshot);
                }
            }
            Action::Copy(partition) => self.copy(partition),
            Action::Answer(partition) => self.answer_as_another(partition),
            Action::Lose(partition, n) => self.lose(partition, n),
            Action::Rename(n) => self.broker.set_identity(LogIdentity::new(&format!("renamed-{n}"))),
            Action::ExpireOffsets => self.broker.expire_offsets(),
            Action::EndTransaction(partition) => {
                self.broker.complete(partition);
                self.broker.time_out(partition);
            }
        }
        self.pump();
    }

    /// The possible steps of calls without a fault.
    pub fn steps(&self) -> impl Iterator<Item = (usize, Partition, usize)> + '_ {
        self.processes.iter().enumerate().flat_map(move |(index, process)| {
            process.workers.iter().flat_map(move |(partition, worker)| {
                let calls = worker.calls.iter().enumerate();
                calls
                    .filter(move |(_, call)| self.is_possible(*partition, &call.effect))
                    .map(move |(at, _)| (index, *partition, at))
            })
        })
    }

    /// Workers that wait for a wake-up of their clock.
    pub fn sleepers(&self) -> impl Iterator<Item = (usize, Partition)> + '_ {
        self.wakes().map(|(process, partition, _)| (process, partition))
    }

    /// Milliseconds until the first wake-up of a worker.
    #[must_use]
    pub fn next_wake_ms(&self) -> Option<u64> {
        self.wakes().map(|(.., in_ms)| in_ms).min()
    }

    fn wakes(&self) -> impl Iterator<Item = (usize, Partition, u64)> + '_ {
        self.processes.iter().enumerate().flat_map(move |(index, process)| {
            let now = self.clock(index);
            let wake_in_ms = move |worker: &Worker| worker.processor.wake_in_ms(worker.now(now));
            process
                .workers
                .iter()
                .filter_map(move |(partition, worker)| Some((index, *partition, wake_in_ms(worker)?)))
        })
    }

    /// The kind of the call.
    #[must_use]
    pub fn effect(&self, process: usize, partition: Partition, call: usize) -> Option<(&Effect, u8)> {
        let call = self.processes[process].workers.get(&partition)?.calls.get(call)?;
        Some((&call.effect, call.done))
    }

    /// A read waits for a record; every other call can be answered.
    fn is_possible(&self, partition: Partition, effect: &Effect) -> bool {
        match effect {
            Effect::Read { from, limit } => self
                .broker
                .read_committed(Topic::Orders, partition, *from, *limit)
                .map_or(true, |batch| batch.is_some()),
            _ => true,
        }
    }

    fn pass(&mut self, ms: u64) {
        self.wall = self.wall.after_millis(ms);
        self.broker.set_time(self.wall);
        let workers = self.processes.iter_mut().flat_map(|process| process.workers.values_mut());
        workers.for_each(|worker| worker.elapsed_ms += ms);
    }

    fn wake(&mut self, process: usize, partition: Partition) {
        let now = self.clock(process);
        if let Some(worker) = self.processes[process].workers.get_mut(&partition)
            && let Some(ms) = worker.processor.wake_in_ms(worker.now(now))
        {
            worker.elapsed_ms += ms;
        }
    }

    fn step(&mut self, process: usize, partition: Partition, at: usize, fault: Fault) {
        let Some((effect, done)) = self.effect(process, partition, at) else { return };
        let effect = effect.clone();
        let reply = match &effect {
            Effect::Commit(transaction) => {
                match self.commit_step(process, partition, transaction, done, fault) {
                    Some(outcome) => Reply::Committed(outcome),
                    None => {
                        let worker = self.processes[process].workers.get_mut(&partition);
                        worker.into_iter().for_each(|worker| worker.calls[at].done += 1);
                        return;
                    }
                }
            }
            effect => match self.answer(process, partition, effect, fault) {
                Some(reply) => reply,
                None => return,
            },
        };
        let (now, release) = (self.clock(process), self.processes[process].release);
        if let Some(worker) = self.processes[process].workers.get_mut(&partition) {
            let call = worker.calls.remove(at);
            let now = worker.now(now);
            release.run(|| worker.processor.handle(now, call.stamp, reply));
        }
    }

    /// One step of a commit. `None`: more steps follow.
    fn commit_step(
        &mut self,
        process: usize,
        partition: Partition,
        transaction: &Transaction,
        done: u8,
        fault: Fault,
    ) -> Option<Result<CommitOutcome, PortErrorKind>> {
        let Process { member, workers, .. } = &self.processes[process];
        let (member, epoch) = (*member, workers[&partition].epoch?);
        let sent = match done {
            0 => self.broker.write(partition, epoch, &transaction.records),
            1 => self.broker.send_offsets(partition, epoch, member, transaction.next),
            _ => {
                let fate = if let Fault::Commit(fate) = fault { fate } else { CommitFate::Answered };
                return Some(Ok(self.broker.commit(partition, epoch, fate)));
            }
        };
        match sent {
            Ok(()) => None,
            Err(_) => {
                // A fenced worker has no transaction to abort.
                let _ = self.broker.abort(partition, epoch);
                Some(Ok(CommitOutcome::Fenced))
            }
        }
    }

    /// Performs a call. `None`: it cannot be answered now.
    fn answer(
        &mut self,
        process: usize,
        partition: Partition,
        effect: &Effect,
        fault: Fault,
    ) -> Option<Reply> {
        let down = PortErrorKind::Unavailable;
        let ok = fault == Fault::None;
        Some(match effect {
            Effect::Acquire if fault == Fault::Refused => Reply::Acquired(Err(down)),
            Effect::Acquire => {
                let epoch = self.broker.acquire(partition);
                let acquisition = self.next_acquisition();
                self.processes[process].workers.get_mut(&partition)?.epoch = Some(epoch);
                Reply::Acquired(if ok { Ok(acquisition) } else { Err(down) })
            }
            Effect::Recover if ok => {
                let recovery = self.store.recover(partition);
                Reply::Recovered(Ok(Recovery { now: Some(self.wall), ..recovery }))
            }
            Effect::Recover => Reply::Recovered(Err(down)),
            Effect::Write(write) if self.processes[process].lists_no_parties => {
                Reply::Written(self.write(&without_parties(write), fault))
            }
            Effect::Write(write) => Reply::Written(self.write(write, fault)),
            _ => return self.answer_reading(process, partition, effect, ok),
        })
    }

    fn write(&mut self, write: &StoreWrite, fault: Fault) -> Result<WriteOutcome, PortErrorKind> {
        match fault {
            Fault::None => return Ok(self.store.write(write)),
            Fault::AnswerLost => _ = self.store.write(write),
            Fault::Late => self.store.hold(write.clone()),
            Fault::Refused | Fault::Commit(_) => {}
        }
        Err(PortErrorKind::Unavailable)
    }

    fn answer_reading(
        &mut self,
        process: usize,
        partition: Partition,
        effect: &Effect,
        ok: bool,
    ) -> Option<Reply> {
        let down = PortErrorKind::Unavailable;
        Some(match effect {
            Effect::ReadEnd if ok => Reply::End(Ok(self.broker.extent(partition))),
            Effect::ReadEnd => Reply::End(Err(down)),
            Effect::Read { from, limit } if ok => {
                let read = self.broker.read_committed(Topic::Orders, partition, *from, *limit);
                Reply::Read(read.map_err(|_| PortErrorKind::Truncated).transpose()?)
            }
            Effect::Read { .. } => Reply::Read(Err(down)),
            Effect::Load { ids } if ok => Reply::Loaded(Ok(self.store.load(partition, ids))),
            Effect::Load { .. } => Reply::Loaded(Err(down)),
            Effect::Clear { token } if ok => Reply::Cleared(Ok(self.store.clear(partition, *token))),
            Effect::Clear { .. } => Reply::Cleared(Err(down)),
            Effect::AskGroup if ok => {
                let member = self.processes[process].member;
                Reply::Owned(Ok(self.broker.owns(member, partition)))
            }
            Effect::AskGroup => Reply::Owned(Err(down)),
            _ => return None,
        })
    }
}

/// The write as a release without lists of parties sends it.
pub(super) fn without_parties(write: &StoreWrite) -> StoreWrite {
    let mut write = write.clone();
    for document in &mut write.documents {
        document.parties = OrderParties::default();
        if let Some(previous) = &mut document.previous {
            previous.courier = None;
        }
    }
    // That release writes its own fields only.
    if let Ok(serde_json::Value::Object(mut basis)) = serde_json::from_slice(&write.basis) {
        basis.remove("indexed");
        write.basis = serde_json::Value::Object(basis).to_string().into();
    }
    write
}
