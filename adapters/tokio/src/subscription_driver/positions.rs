//! The group's positions: acknowledges completed records, and releases revoked partitions.

use logistics_core::port::PortErrorKind;
use logistics_core::{Offset, Partition};
use tokio::time::Instant;
use tracing::warn;

use super::partition_state::PartitionState;
use super::{StopReason, SubscriptionDriver, at};
use crate::delivery_stats::LogCall;
use crate::error_text::error_text;

impl SubscriptionDriver<'_> {
    /// Releases revoked partitions without a delivery task, after it has acknowledged their completed records.
    pub(super) async fn release_ready(&mut self) {
        let is_ready = |state: &PartitionState| state.release_by.is_some() && state.task.is_none();
        let ready: Vec<Partition> =
            self.partitions.iter().filter(|(_, state)| is_ready(state)).map(|(p, _)| *p).collect();
        if ready.is_empty() {
            return;
        }
        for partition in &ready {
            let Some(state) = self.partitions.get(partition) else { continue };
            if !state.is_acknowledged()
                && let Err(error) = self.subscription.acknowledge(*partition, Offset(state.completed())).await
            {
                let why = error_text(&error);
                warn!(
                    channel = self.channel, %partition, why,
                    "failed to acknowledge a revoked partition; its last records are delivered again"
                );
            }
            self.forget(*partition);
        }
        if let Err(error) = self.subscription.release(&ready).await {
            warn!(
                channel = self.channel,
                why = error_text(&error),
                "failed to release partitions; the session timeout will reclaim them"
            );
        }
    }

    /// Aborts the deliveries of revoked partitions whose deadline has passed.
    pub(super) fn abort_overdue(&mut self) {
        let now = Instant::now();
        for (partition, state) in &mut self.partitions {
            if state.release_by.is_some_and(|deadline| deadline <= now) && state.task.is_some() {
                warn!(
                    channel = self.channel, %partition,
                    "the delivery of a revoked partition was cancelled at its deadline; its last notification is delivered again"
                );
                state.abort();
            }
        }
    }

    pub(super) fn forget(&mut self, partition: Partition) {
        if let Some(mut state) = self.partitions.remove(&partition) {
            state.abort();
        }
        self.held.remove(&partition);
        self.delivery.stats.forget(partition);
    }

    pub(super) fn release_deadline(&self) -> Option<Instant> {
        let delivering = self.partitions.values().filter(|state| state.task.is_some());
        delivering.filter_map(|state| state.release_by).min()
    }

    /// When to acknowledge next: at once for an idle partition, and after the interval for the others.
    pub(super) fn acknowledge_due(&self) -> Option<Instant> {
        let mut due = None;
        for state in self.partitions.values() {
            match (state.task.is_some(), state.is_acknowledged()) {
                (false, false) if self.acknowledge_attempts.failures() == 0 => return Some(Instant::now()),
                (false, true) => {}
                _ => due = Some(self.acknowledge_at),
            }
        }
        due
    }

    /// Moves the group's durable positions behind the completed records.
    pub(super) async fn acknowledge(&mut self) -> Option<StopReason> {
        let mut rejected = Vec::new();
        for (partition, state) in &mut self.partitions {
            let completed = state.completed();
            if completed == state.acknowledged {
                continue;
            }
            match self.subscription.acknowledge(*partition, Offset(completed)).await {
                Ok(()) => state.acknowledged = completed,
                Err(error) if error.kind() == PortErrorKind::Closed => rejected.push(*partition),
                Err(error) => {
                    let why = error_text(&error);
                    warn!(channel = self.channel, %partition, why, "failed to acknowledge notifications; retrying");
                    if !error.kind().is_retryable() {
                        return Some(StopReason::Failed);
                    }
                    self.acknowledge_at = Instant::now() + self.acknowledge_attempts.failed();
                    let failures = self.acknowledge_attempts.failures();
                    self.delivery
                        .stats
                        .set_failing(LogCall::Acknowledge, format!("{why}; failures so far: {failures}"));
                    return None;
                }
            }
        }
        for partition in rejected {
            warn!(
                channel = self.channel, %partition,
                "the partition has moved to another member, which delivers its unacknowledged notifications again"
            );
            self.position_rejected = true;
            self.forget(partition);
        }
        if self.acknowledge_attempts.failures() > 0 {
            self.acknowledge_attempts.succeeded();
            self.delivery.stats.clear_failing(LogCall::Acknowledge);
        }
        self.acknowledge_at = Instant::now() + self.delivery.options.acknowledge();
        None
    }

    /// Ends each delivery behind its current record, and acknowledges completed records as early as possible. Returns whether
    /// all of them were acknowledged.
    pub(super) async fn settle(&mut self) -> bool {
        self.position_rejected = false;
        self.partitions.values().for_each(PartitionState::stop);
        loop {
            if self.acknowledge().await.is_some() {
                return false;
            }
            let is_acknowledged = self.partitions.values().all(PartitionState::is_acknowledged);
            if self.tasks.is_empty() && is_acknowledged {
                return !self.position_rejected;
            }
            let retry = (!is_acknowledged).then_some(self.acknowledge_at);
            tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next_with_id() => {
                    if self.on_ended(ended).is_some() {
                        return false;
                    }
                }
                () = at(retry) => {}
            }
        }
    }
}
