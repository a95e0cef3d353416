//! Membership in the group of processors, and the logs of a member's partitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use logistics_core::port::{
    Batch, CommitOutcome, GroupEvent, LogExtent, Membership, PartitionLog, PortError, ReadLimit, Topic,
    Transaction,
};
use logistics_core::{Offset, Partition};

use crate::error::EmbeddedError;
use crate::group::coordinator::MemberId;
use crate::handle::{Handle, check_size};
use crate::log;
use crate::log::block::{BlockBuilder, PreparedBlock};
use crate::writer::request::{Commit, Epoch, Request};

pub(crate) struct Member {
    handle: Arc<Handle>,
    id: MemberId,
}

impl Member {
    pub(crate) fn join(handle: Arc<Handle>) -> Self {
        let id = handle.shared.coordinator.join();
        Self { handle, id }
    }
}

#[async_trait]
impl Membership for Member {
    async fn next(&self) -> Result<GroupEvent, PortError> {
        let event = self.handle.shared.coordinator.next(self.id).await;
        Ok(event.ok_or(EmbeddedError::Left)?)
    }

    async fn owns(&self, partition: Partition) -> Result<bool, PortError> {
        Ok(self.handle.shared.coordinator.owns(self.id, partition).ok_or(EmbeddedError::Left)?)
    }

    async fn release(&self, partitions: &[Partition]) -> Result<(), PortError> {
        self.handle.shared.coordinator.release(self.id, partitions);
        Ok(())
    }

    fn log(&self, partition: Partition) -> Arc<dyn PartitionLog> {
        let (handle, member) = (self.handle.clone(), self.id);
        Arc::new(OwnedLog { handle, member, partition, epoch: Mutex::new(None) })
    }

    async fn leave(&self) -> Result<(), PortError> {
        self.handle.shared.coordinator.leave(self.id);
        Ok(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.handle.shared.coordinator.leave(self.id);
    }
}

struct OwnedLog {
    handle: Arc<Handle>,
    member: MemberId,
    partition: Partition,
    /// The epoch of the last acquisition.
    epoch: Mutex<Option<Epoch>>,
}

impl OwnedLog {
    fn epoch(&self) -> Option<Epoch> {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_epoch(&self, epoch: Option<Epoch>) {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
    }

    /// Encodes and compresses on the caller's thread, to keep the writer's thread free.
    fn blocks(&self, transaction: Transaction) -> Result<Vec<(usize, PreparedBlock)>, EmbeddedError> {
        let mut builders: BTreeMap<usize, BlockBuilder> = BTreeMap::new();
        let mut blocks = Vec::new();
        for record in transaction.records {
            check_size(&record.payload)?;
            let log = self.handle.shared.log(record.topic, record.partition)?;
            let builder = builders.entry(log).or_default();
            builder.push(record.key.as_deref(), &record.payload);
            if builder.is_full() {
                blocks.push((log, builder.finish()));
            }
        }
        let rest = builders.into_iter().filter(|(_, builder)| !builder.is_empty());
        blocks.extend(rest.map(|(log, mut builder)| (log, builder.finish())));
        Ok(blocks)
    }
}

#[async_trait]
impl PartitionLog for OwnedLog {
    async fn acquire(&self) -> Result<(), PortError> {
        self.set_epoch(None);
        let partition = self.partition;
        self.handle.shared.check(partition)?;
        // The writer answers after every earlier commit is visible, and then rejects later commits of a previous owner.
        let epoch = self.handle.queue.call(|reply| Request::Acquire(partition, reply)).await?;
        self.set_epoch(Some(epoch));
        Ok(())
    }

    async fn extent(&self) -> Result<LogExtent, PortError> {
        let bounds = self.handle.shared.bounds(Topic::Orders, self.partition)?;
        Ok(LogExtent { bounds, log: self.handle.shared.state().identity.clone() })
    }

    async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, PortError> {
        Ok(log::read(&self.handle.shared, Topic::Orders, self.partition, from, limit).await?)
    }

    async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, PortError> {
        let Some(epoch) = self.epoch() else { return Ok(CommitOutcome::Fenced) };
        let (partition, member, next) = (self.partition, self.member, transaction.next);
        let blocks = self.blocks(transaction)?;
        let commit = Commit { partition, member, epoch, blocks, next };
        Ok(self.handle.queue.call(|reply| Request::Commit(commit, reply)).await?)
    }
}
