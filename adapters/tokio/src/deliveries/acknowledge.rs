//! The group's positions.

use std::time::Duration;

use logistics_core::port::{PortErrorKind, Subscription};
use logistics_core::{Offset, Partition};
use tokio::time::Instant;
use tracing::warn;

use super::driver::{Driver, RETRY, UNACKNOWLEDGED_MAX};

impl Driver {
    /// Acknowledges the positions that moved, at most once in each interval, or `now`.
    ///
    /// # Errors
    /// The subscription cannot go on.
    pub(super) async fn acknowledge(
        &mut self,
        subscription: &mut dyn Subscription,
        now: bool,
    ) -> Result<(), ()> {
        let moved: Vec<(Partition, Offset)> = self.moved().collect();
        if moved.is_empty() {
            self.acknowledge_at = None;
            return Ok(());
        }
        let interval = Duration::from_millis(self.options.acknowledge_ms);
        let at = *self.acknowledge_at.get_or_insert_with(|| Instant::now() + interval);
        let is_due = Instant::now() >= at || self.unacknowledged >= UNACKNOWLEDGED_MAX;
        if !now && !is_due {
            return Ok(());
        }
        (self.acknowledge_at, self.unacknowledged) = (None, 0);
        for (partition, position) in moved {
            if !self.acknowledge_one(subscription, partition, position).await? {
                break;
            }
        }
        Ok(())
    }

    /// Returns whether the next one may be acknowledged.
    async fn acknowledge_one(
        &mut self,
        subscription: &mut dyn Subscription,
        partition: Partition,
        position: Offset,
    ) -> Result<bool, ()> {
        match subscription.acknowledge(partition, position).await {
            Ok(()) => {
                self.stats.lock().failing.remove("acknowledging");
                self.deliveries.acknowledged(partition, position);
                if let Some(assigned) = self.partitions.get_mut(&partition) {
                    assigned.acknowledged = Some(position);
                }
                Ok(true)
            }
            Err(why) if why.kind() == PortErrorKind::Closed => {
                warn!(channel = %self.channel, %partition, "the partition belongs to another member, which continues its deliveries");
                self.forget(partition);
                Ok(true)
            }
            Err(why) => {
                warn!(channel = %self.channel, %partition, %why, "failed to acknowledge the position of the deliveries; retrying");
                self.stats.lock().failing.insert("acknowledging", why.to_string());
                self.acknowledge_at = Some(Instant::now() + RETRY);
                if why.kind().is_retryable() { Ok(false) } else { Err(()) }
            }
        }
    }

    fn moved(&self) -> impl Iterator<Item = (Partition, Offset)> + '_ {
        self.partitions.iter().filter_map(|(partition, assigned)| {
            let position = self.deliveries.position(*partition)?;
            (assigned.acknowledged != Some(position)).then_some((*partition, position))
        })
    }

    /// Releases the revoked partitions that hold nothing any more, or whose time is over.
    pub(super) async fn release(&mut self, subscription: &mut dyn Subscription) {
        let now = Instant::now();
        let ready: Vec<Partition> = self
            .partitions
            .iter()
            .filter(|(partition, assigned)| {
                let settled = self.deliveries.is_settled(**partition);
                assigned.release_by.is_some_and(|by| settled || by <= now)
            })
            .map(|(partition, _)| *partition)
            .collect();
        if ready.is_empty() {
            return;
        }
        for partition in &ready {
            let position = self.deliveries.position(*partition);
            let acknowledged = self.partitions.get(partition).and_then(|assigned| assigned.acknowledged);
            if let Some(position) = position.filter(|position| acknowledged != Some(*position)) {
                let _ = self.acknowledge_one(subscription, *partition, position).await;
            }
            self.forget(*partition);
        }
        if let Err(why) = subscription.release(&ready).await {
            warn!(channel = %self.channel, %why, "failed to release partitions; the session timeout will reclaim them");
        }
    }
}
