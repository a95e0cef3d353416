//! One partition of a member: its delivery, and the group's position in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::{AbortHandle, Id};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One partition of this member.
#[derive(Default)]
pub(super) struct Reading {
    /// The offset behind everything that is done with, written by the task.
    pub(super) done: Arc<AtomicU64>,
    /// The group's position, as far as this member moved it.
    pub(super) acknowledged: u64,
    pub(super) task: Option<Task>,
    /// It is revoked, and released at this time at the latest.
    pub(super) leaving: Option<Instant>,
}

pub(super) struct Task {
    pub(super) id: Id,
    pub(super) stop: CancellationToken,
    pub(super) abort: AbortHandle,
}

impl Reading {
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    pub(super) fn is_acknowledged(&self) -> bool {
        self.done() == self.acknowledged
    }

    pub(super) fn stop(&self) {
        if let Some(task) = &self.task {
            task.stop.cancel();
        }
    }

    /// Ends the task where it is: its record comes again.
    pub(super) fn abort(&mut self) {
        if let Some(task) = self.task.take() {
            task.stop.cancel();
            task.abort.abort();
        }
    }
}
