//! The log of a worker's partition.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::faults::unavailable;
use super::inner::{Inner, check_size};
use crate::broker::{Epoch, Fenced, Member, Truncated};
use logistics_core::port::{
    Batch, CommitOutcome, LogExtent, PartitionLog, PortError, PortErrorKind, ReadLimit, Topic, Transaction,
};
use logistics_core::{Offset, Partition};

const COMMIT: &str = "commit";

pub(super) struct MemoryLog {
    bus: Arc<Inner>,
    member: Member,
    partition: Partition,
    /// The producer. Only a clear success keeps it: a real one cannot be used again either.
    epoch: Mutex<Option<Epoch>>,
}

impl MemoryLog {
    pub(super) fn new(bus: Arc<Inner>, member: Member, partition: Partition) -> Self {
        Self { bus, member, partition, epoch: Mutex::new(None) }
    }

    fn take_epoch(&self) -> Option<Epoch> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set_epoch(&self, epoch: Epoch) {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = Some(epoch);
    }

    /// Injects faults before a commit.
    fn disturb(&self) {
        let (member, partition) = (self.member, self.partition);
        self.bus.write(|broker, dice| {
            if dice.strikes(|faults| faults.session_expired) {
                broker.expire(member);
            }
            if dice.strikes(|faults| faults.fenced) {
                broker.acquire(partition);
            }
            if dice.strikes(|faults| faults.offsets_expired) {
                broker.expire_offsets();
            }
        });
    }

    /// The steps of a transaction; other tasks run in between. If dropped half way, it stays open, as after a crash.
    async fn steps(&self, epoch: Epoch, transaction: &Transaction) -> Result<CommitOutcome, Fenced> {
        let (bus, partition) = (&self.bus, self.partition);
        bus.write(|broker, _| broker.write(partition, epoch, &transaction.records))?;
        bus.shared.dawdle().await;
        bus.write(|broker, _| broker.send_offsets(partition, epoch, self.member, transaction.next))?;
        bus.shared.dawdle().await;
        Ok(bus.write(|broker, dice| {
            let fate = dice.commit_fate();
            broker.commit(partition, epoch, fate)
        }))
    }
}

#[async_trait]
impl PartitionLog for MemoryLog {
    async fn acquire(&self) -> Result<(), PortError> {
        self.take_epoch();
        self.bus.shared.enter("acquire the partition").await?;
        let epoch = self.bus.write(|broker, _| broker.acquire(self.partition));
        self.bus.shared.answer("acquire the partition", ())?;
        self.set_epoch(epoch);
        Ok(())
    }

    async fn extent(&self) -> Result<LogExtent, PortError> {
        self.bus.shared.enter("read the extent").await?;
        Ok(self.bus.shared.look(|broker, _| broker.extent(self.partition)))
    }

    async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, PortError> {
        self.bus.shared.enter("read").await?;
        let partition = self.partition;
        self.bus
            .shared
            .wait(|broker| broker.read_committed(Topic::Orders, partition, from, limit).transpose())
            .await
            .map_err(truncated)
    }

    async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, PortError> {
        let Some(epoch) = self.take_epoch() else {
            let message = "a commit needs an acquired partition: call `acquire` first";
            return Err(PortError::new(PortErrorKind::Refused, message));
        };
        for record in &transaction.records {
            check_size(&record.payload)?;
        }
        self.bus.shared.enter(COMMIT).await?;
        self.disturb();
        match self.steps(epoch, &transaction).await {
            Ok(CommitOutcome::Committed) => {
                self.set_epoch(epoch);
                Ok(CommitOutcome::Committed)
            }
            Ok(CommitOutcome::Unknown) => {
                let as_outcome = self.bus.shared.look(|_, dice| dice.below(2) == 0);
                if as_outcome { Ok(CommitOutcome::Unknown) } else { Err(unavailable(COMMIT)) }
            }
            Ok(CommitOutcome::Fenced) | Err(Fenced) => {
                // After a rejection by the group, the worker aborts its transaction; otherwise it is aborted already.
                let _ = self.bus.write(|broker, _| broker.abort(self.partition, epoch));
                Ok(CommitOutcome::Fenced)
            }
        }
    }
}

pub(super) fn truncated(error: Truncated) -> PortError {
    PortError::new(PortErrorKind::Truncated, error.to_string())
}
