//! One partition of a subscription: its delivery, and the group's position in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::{AbortHandle, Id};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One partition of this member.
#[derive(Default)]
pub(super) struct PartitionState {
    /// The offset behind all completed records. The delivery task writes it.
    pub(super) completed: Arc<AtomicU64>,
    /// The group's position, as this member last acknowledged it.
    pub(super) acknowledged: u64,
    pub(super) task: Option<DeliveryTask>,
    /// The deadline for the release of a revoked partition.
    pub(super) release_by: Option<Instant>,
}

pub(super) struct DeliveryTask {
    pub(super) id: Id,
    pub(super) stop: CancellationToken,
    pub(super) abort: AbortHandle,
}

impl PartitionState {
    pub(super) fn completed(&self) -> u64 {
        self.completed.load(Ordering::Acquire)
    }

    pub(super) fn is_acknowledged(&self) -> bool {
        self.completed() == self.acknowledged
    }

    pub(super) fn stop(&self) {
        if let Some(task) = &self.task {
            task.stop.cancel();
        }
    }

    /// Cancels the task at once. Its current record is delivered again.
    pub(super) fn abort(&mut self) {
        if let Some(task) = self.task.take() {
            task.stop.cancel();
            task.abort.abort();
        }
    }
}
