//! The group's positions: acknowledging what is done, and releasing what was revoked.

use logistics_core::port::PortErrorKind;
use logistics_core::{Offset, Partition};
use tokio::time::Instant;
use tracing::warn;

use super::reading::Reading;
use super::{Following, StopReason, at};
use crate::delivery_stats::Call;
use crate::failure::sentence;

impl Following<'_> {
    /// Gives up revoked partitions whose delivery is over, once what is done of them is acknowledged.
    pub(super) async fn release_ready(&mut self) {
        let is_ready = |reading: &Reading| reading.leaving.is_some() && reading.task.is_none();
        let ready: Vec<Partition> =
            self.partitions.iter().filter(|(_, reading)| is_ready(reading)).map(|(p, _)| *p).collect();
        if ready.is_empty() {
            return;
        }
        for partition in &ready {
            let Some(reading) = self.partitions.get(partition) else { continue };
            if !reading.is_acknowledged()
                && let Err(error) = self.subscription.acknowledge(*partition, Offset(reading.done())).await
            {
                let why = sentence(&error);
                warn!(channel = self.channel, %partition, why, "the position of a revoked partition was not acknowledged; its records come again");
            }
            self.forget(*partition);
        }
        if let Err(error) = self.subscription.release(&ready).await {
            warn!(
                channel = self.channel,
                why = sentence(&error),
                "failed to release partitions; the session timeout reclaims them"
            );
        }
    }

    /// Gives up deliveries of revoked partitions that take too long.
    pub(super) fn cut_off(&mut self) {
        let now = Instant::now();
        for (partition, reading) in &mut self.partitions {
            if reading.leaving.is_some_and(|deadline| deadline <= now) && reading.task.is_some() {
                warn!(channel = self.channel, %partition, "a delivery did not end in time for its partition to be handed over; it comes again");
                reading.abort();
            }
        }
    }

    pub(super) fn forget(&mut self, partition: Partition) {
        if let Some(mut reading) = self.partitions.remove(&partition) {
            reading.abort();
        }
        self.held.remove(&partition);
        self.delivery.stats.forget(partition);
    }

    pub(super) fn revoke_deadline(&self) -> Option<Instant> {
        let working = self.partitions.values().filter(|reading| reading.task.is_some());
        working.filter_map(|reading| reading.leaving).min()
    }

    /// At once for a partition that has nothing more to do, with the interval for the others.
    pub(super) fn acknowledge_due(&self) -> Option<Instant> {
        let mut due = None;
        for reading in self.partitions.values() {
            match (reading.task.is_some(), reading.is_acknowledged()) {
                (false, false) if self.acknowledging.failures() == 0 => return Some(Instant::now()),
                (false, true) => {}
                _ => due = Some(self.acknowledge_at),
            }
        }
        due
    }

    /// Makes the group's positions durable behind what is done with.
    pub(super) async fn acknowledge(&mut self) -> Option<StopReason> {
        let mut refused = Vec::new();
        for (partition, reading) in &mut self.partitions {
            let done = reading.done();
            if done == reading.acknowledged {
                continue;
            }
            match self.subscription.acknowledge(*partition, Offset(done)).await {
                Ok(()) => reading.acknowledged = done,
                Err(error) if error.kind() == PortErrorKind::Closed => refused.push(*partition),
                Err(error) => {
                    let why = sentence(&error);
                    warn!(channel = self.channel, %partition, why, "acknowledging notifications failed; it is retried");
                    if !error.kind().is_retryable() {
                        return Some(StopReason::Failed);
                    }
                    self.acknowledge_at = Instant::now() + self.acknowledging.failed();
                    let failures = self.acknowledging.failures();
                    self.delivery
                        .stats
                        .failing(Call::Acknowledge, format!("{why}; failures so far: {failures}"));
                    return None;
                }
            }
        }
        for partition in refused {
            warn!(channel = self.channel, %partition, "the partition has moved to another member; what is not acknowledged is delivered again there");
            self.refused = true;
            self.forget(partition);
        }
        if self.acknowledging.failures() > 0 {
            self.acknowledging.succeeded();
            self.delivery.stats.succeeded(Call::Acknowledge);
        }
        self.acknowledge_at = Instant::now() + self.delivery.options.acknowledge();
        None
    }

    /// Ends every delivery behind its current record and acknowledges what is done, each as soon as it can be. True where
    /// all of it was acknowledged.
    pub(super) async fn settle(&mut self) -> bool {
        self.refused = false;
        self.partitions.values().for_each(Reading::stop);
        loop {
            if self.acknowledge().await.is_some() {
                return false;
            }
            let is_acknowledged = self.partitions.values().all(Reading::is_acknowledged);
            if self.tasks.is_empty() && is_acknowledged {
                return !self.refused;
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
