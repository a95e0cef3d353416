//! Transactional producers: one transactional id for each partition of the processor group.

use std::collections::BTreeSet;

use super::Broker;
use super::group::Member;
use super::log::Stored;
use logistics_core::port::{CommitOutcome, NewRecord, Topic, Transaction};
use logistics_core::{Offset, Partition};

/// Names one initialisation of a transactional id. It only rises, so a driver can use it as the number of an acquisition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u32);

/// The step was rejected: another worker initialised the transactional id, or the group has a newer generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("another worker acquired the partition, or the group has a newer generation")]
pub struct Fenced;

/// What happens to a commit request. All but the first leave the worker with an unknown outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommitFate {
    /// The request arrives, and its answer too.
    Answered,
    /// The answer is lost; the transaction is committed and visible.
    LostAfter,
    /// The commit is decided, but its markers are not written: its records are invisible until [`Broker::complete`] or the
    /// next [`Broker::acquire`] writes them.
    LostMidway,
    /// The request never arrives: the transaction stays open until [`Broker::time_out`] or the next [`Broker::acquire`]
    /// aborts it.
    LostBefore,
    /// The request never arrives, and the transaction times out at once.
    TimedOut,
}

impl CommitFate {
    /// Every fate.
    pub const ALL: [CommitFate; 5] = [
        CommitFate::Answered,
        CommitFate::LostAfter,
        CommitFate::LostMidway,
        CommitFate::LostBefore,
        CommitFate::TimedOut,
    ];
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Producer {
    epoch: Epoch,
    open: Option<Open>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Open {
    written: BTreeSet<(Topic, Partition)>,
    next: Option<Offset>,
    /// The commit is decided: nothing can abort it any more.
    prepared: bool,
}

impl Broker {
    /// Initialises the transactional id of a partition: aborts the predecessor's open transaction, or completes it if its
    /// commit was decided, and fences the predecessor. Checks neither the member nor the group.
    pub fn acquire(&mut self, partition: Partition) -> Epoch {
        self.finish(partition);
        let producer = self.producers.entry(partition).or_default();
        producer.epoch = Epoch(producer.epoch.0 + 1);
        producer.epoch
    }

    /// The current epoch of a partition's transactional id; `None` before the first acquisition.
    #[must_use]
    pub fn epoch(&self, partition: Partition) -> Option<Epoch> {
        self.producers.get(&partition).map(|producer| producer.epoch)
    }

    /// The partition's transactional id has an open transaction: written or decided, without its markers.
    #[must_use]
    pub fn is_open(&self, partition: Partition) -> bool {
        self.producers.get(&partition).is_some_and(|producer| producer.open.is_some())
    }

    /// Writes records in the transaction of `partition`, and begins one if there is none. They take their offsets now.
    ///
    /// # Errors
    /// [`Fenced`]; nothing is written then.
    pub fn write(&mut self, partition: Partition, epoch: Epoch, records: &[NewRecord]) -> Result<(), Fenced> {
        let open = self.open_transaction(partition, epoch)?;
        open.written.extend(records.iter().map(|record| (record.topic, record.partition)));
        let at = self.now;
        for record in records {
            let stored =
                Stored { key: record.key.clone(), payload: record.payload.clone(), headers: Vec::new(), at };
            self.log_mut(record.topic, record.partition).write(stored, partition);
        }
        Ok(())
    }

    /// Sends the group's offset with the transaction, as `member` with the generation of its last exchange. Only this step
    /// checks the generation.
    ///
    /// # Errors
    /// [`Fenced`]; the transaction stays open, for the worker to abort.
    pub fn send_offsets(
        &mut self,
        partition: Partition,
        epoch: Epoch,
        member: Member,
        next: Offset,
    ) -> Result<(), Fenced> {
        let current = self.group.is_current(member);
        let open = self.open_transaction(partition, epoch)?;
        if !current {
            return Err(Fenced);
        }
        open.next = Some(next);
        Ok(())
    }

    /// Requests the commit of the open transaction, with the fate that the driver chose.
    pub fn commit(&mut self, partition: Partition, epoch: Epoch, fate: CommitFate) -> CommitOutcome {
        if let Err(Fenced) = self.check(partition, epoch) {
            let answered = fate == CommitFate::Answered;
            return if answered { CommitOutcome::Fenced } else { CommitOutcome::Unknown };
        }
        match fate {
            CommitFate::Answered => {
                self.prepare(partition);
                self.finish(partition);
                return CommitOutcome::Committed;
            }
            CommitFate::LostAfter => {
                self.prepare(partition);
                self.finish(partition);
            }
            CommitFate::LostMidway => self.prepare(partition),
            CommitFate::LostBefore => {}
            CommitFate::TimedOut => self.time_out(partition),
        }
        CommitOutcome::Unknown
    }

    /// Aborts the open transaction.
    ///
    /// # Errors
    /// [`Fenced`]; then another producer aborted or completed it.
    pub fn abort(&mut self, partition: Partition, epoch: Epoch) -> Result<(), Fenced> {
        self.check(partition, epoch)?;
        self.finish(partition);
        Ok(())
    }

    /// Writes the markers of a transaction whose commit was decided, as the broker does by itself after a while.
    pub fn complete(&mut self, partition: Partition) {
        if self.is_prepared(partition) {
            self.finish(partition);
        }
    }

    /// The transaction times out: it is aborted, unless its commit is decided, and its worker is fenced. Does nothing
    /// without an open transaction.
    pub fn time_out(&mut self, partition: Partition) {
        if self.is_open(partition) {
            self.acquire(partition);
        }
    }

    /// All the steps of one transaction: write, send the offset, commit. A rejected step aborts it.
    pub fn commit_transaction(
        &mut self,
        partition: Partition,
        epoch: Epoch,
        member: Member,
        transaction: &Transaction,
        fate: CommitFate,
    ) -> CommitOutcome {
        let sent = self
            .write(partition, epoch, &transaction.records)
            .and_then(|()| self.send_offsets(partition, epoch, member, transaction.next));
        if let Err(Fenced) = sent {
            // A fenced worker has no open transaction to abort.
            let _ = self.abort(partition, epoch);
            return CommitOutcome::Fenced;
        }
        self.commit(partition, epoch, fate)
    }

    fn open_transaction(&mut self, partition: Partition, epoch: Epoch) -> Result<&mut Open, Fenced> {
        self.check(partition, epoch)?;
        let producer = self.producers.entry(partition).or_default();
        Ok(producer.open.get_or_insert_default())
    }

    /// After its commit is decided, a worker can do nothing more under its epoch: that counts as fenced too.
    fn check(&self, partition: Partition, epoch: Epoch) -> Result<(), Fenced> {
        let current = self.epoch(partition) == Some(epoch);
        if current && !self.is_prepared(partition) { Ok(()) } else { Err(Fenced) }
    }

    fn is_prepared(&self, partition: Partition) -> bool {
        let open = self.producers.get(&partition).and_then(|producer| producer.open.as_ref());
        open.is_some_and(|open| open.prepared)
    }

    fn prepare(&mut self, partition: Partition) {
        if let Some(open) = self.producers.get_mut(&partition).and_then(|producer| producer.open.as_mut()) {
            open.prepared = true;
        }
    }

    /// Ends the open transaction: commits it if that is decided, aborts it otherwise.
    fn finish(&mut self, partition: Partition) {
        let open = self.producers.get_mut(&partition).and_then(|producer| producer.open.take());
        let Some(Open { written, next, prepared }) = open else { return };
        for (topic, written_partition) in written {
            self.log_mut(topic, written_partition).mark(partition, prepared);
        }
        if let Some(next) = next.filter(|_| prepared) {
            self.group.commit_offset(partition, next);
        }
    }
}
