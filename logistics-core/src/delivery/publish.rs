//! Records on their way to the log.

use super::deliveries::Deliveries;
use super::effect::{Effect, PublishId};
use super::item::{Item, ItemId, ItemState, Pair};
use super::record::{
    DeliveryEvent, DeliveryOutcome, DeliveryRecord, Settled, WaitReason, Waiting, Written, to_record_key,
};
use crate::backoff::Backoff;
use crate::ids::{Offset, Timestamp};

/// Milliseconds after which a record that a delivery waits is written again. Logs keep the records for a week at least.
const STORED_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// Milliseconds between two searches for such records.
const KEEP_EVERY_MS: u64 = 60 * 60 * 1_000;

impl Deliveries {
    /// Stores that a delivery waits.
    pub(super) fn store(&mut self, now: Timestamp, id: ItemId, reason: WaitReason) {
        if let Some(item) = self.items.get_mut(&id) {
            item.reason = reason;
            self.revise(now, id);
        }
    }

    /// Stores the later messages about an order, because an earlier one waits.
    pub(super) fn store_later(&mut self, now: Timestamp, pair: &Pair) {
        for id in self.ids_of(pair) {
            let is_open = self.items.get(&id).is_some_and(|item| item.held && !item.is_stored());
            if is_open {
                self.store(now, id, WaitReason::Behind);
            }
        }
    }

    /// The log must have the state of a delivery.
    pub(super) fn revise(&mut self, now: Timestamp, id: ItemId) {
        if let Some(item) = self.items.get_mut(&id) {
            item.revision = item.revision.wrapping_add(1);
            self.publish(now, id);
        }
    }

    /// Stores again what has waited for long: the log keeps records for a limited time.
    pub(super) fn keep_stored(&mut self, now: Timestamp) {
        if now < self.keep_at {
            return;
        }
        self.keep_at = now.after_millis(KEEP_EVERY_MS);
        let is_old = |item: &Item| {
            let waits = !matches!(item.state, ItemState::Ended(_)) && item.log.is_some() && !item.publishing;
            waits && now.millis_since(item.stored_at) >= STORED_MS_MAX
        };
        let old: Vec<ItemId> =
            self.items.iter().filter(|(_, item)| is_old(item)).map(|(id, _)| *id).collect();
        for id in old {
            self.revise(now, id);
        }
    }

    /// Publishes the current state of a delivery, unless a record of it is on its way.
    pub(super) fn publish(&mut self, now: Timestamp, id: ItemId) {
        let in_line = self.is_in_line(id);
        let Some(item) = self.items.get_mut(&id).filter(|item| !item.publishing) else { return };
        let Some(partition) = self.partitions.get(&item.partition) else { return };
        item.in_line = in_line;
        if in_line {
            return;
        }
        (item.publishing, item.stored_at) = (true, now);
        let event = match item.state {
            ItemState::Ended(outcome) => DeliveryEvent::Settled(Settled {
                key: item.key(),
                outcome,
                attempts: item.attempts,
                problem: item.problem.clone(),
                notification: (outcome == DeliveryOutcome::Dead).then(|| (*item.notification).clone()),
            }),
            ItemState::Idle | ItemState::InFlight { .. } => DeliveryEvent::Waiting(Waiting {
                endpoint: item.endpoint.clone(),
                attempts: item.attempts,
                due_at: item.due_at,
                reason: item.reason,
                problem: item.problem.clone(),
                failing_since: self.endpoints.get(&item.endpoint).and_then(|state| state.failing_since),
                notification: (*item.notification).clone(),
            }),
        };
        let written = Some(Written { writer: self.writer, oldest: partition.oldest() });
        self.effects.push_back(Effect::Publish {
            publish: PublishId { item: Some(id), revision: item.revision },
            partition: item.partition,
            key: item.key().to_record_key(&self.channel),
            record: Box::new(DeliveryRecord { channel: self.channel.clone(), at: now, written, event }),
        });
    }

    /// A new owner must not find a message in the log, and miss an earlier one about the same order: it would deliver the later one
    /// first. So the first record of a message follows those of the earlier ones.
    fn is_in_line(&self, id: ItemId) -> bool {
        let Some(item) = self.items.get(&id) else { return false };
        let waits = item.log.is_none() && !matches!(item.state, ItemState::Ended(_));
        let earlier = || self.ids_of(&item.pair()).into_iter().take_while(move |other| *other != id);
        waits && earlier().any(|other| self.items.get(&other).is_some_and(|other| other.log.is_none()))
    }

    /// The log has a message, or it has ended: the next one about the order may be stored.
    pub(super) fn publish_next(&mut self, now: Timestamp, pair: &Pair) {
        for id in self.ids_of(pair) {
            if self.items.get(&id).is_some_and(|item| item.in_line) {
                self.publish(now, id);
            }
        }
    }

    pub(super) fn on_published(&mut self, now: Timestamp, publish: PublishId, offset: Option<Offset>) {
        let PublishId { item: Some(id), revision } = publish else { return };
        let Some(item) = self.items.get_mut(&id) else { return };
        item.publishing = false;
        let Some(offset) = offset else {
            let Backoff { jitter_percent, .. } = Backoff::default();
            let backoff = Backoff {
                delay_ms_min: self.settings.publish_retry_ms_min,
                delay_ms_max: self.settings.publish_retry_ms_max,
                jitter_percent,
            };
            let delay_ms = backoff.delay_ms(item.publish_failures);
            item.publish_failures = item.publish_failures.saturating_add(1);
            self.republish.insert((now.after_millis(delay_ms), id));
            return;
        };
        item.publish_failures = 0;
        item.stored_revision = revision;
        if item.revision == revision && matches!(item.state, ItemState::Ended(_)) {
            self.on_settled(now, id, offset);
            return;
        }
        let is_newer = item.revision != revision;
        self.set_log(now, id, offset);
        if is_newer {
            self.publish(now, id);
        }
    }

    /// The log has the end of a delivery.
    fn on_settled(&mut self, now: Timestamp, id: ItemId, offset: Offset) {
        let Some(item) = self.items.get(&id) else { return };
        let Some(state) = self.partitions.get_mut(&item.partition) else { return };
        match item.origin {
            Some(origin) if origin >= state.acknowledged => {
                let fence = state.fences.entry(origin).or_insert(offset);
                *fence = offset.min(*fence);
            }
            // A previous owner read the notification, whose position may not be acknowledged.
            None if state.forget_at.is_some() => _ = state.settled.insert(item.key(), (now, offset)),
            _ => {}
        }
        self.remove(now, id);
    }

    pub(super) fn publish_stats(&mut self, now: Timestamp) {
        for (partition, state) in &mut self.partitions {
            if state.stats.is_empty() || state.stats_at > now {
                continue;
            }
            state.stats_at = now.after_millis(self.settings.stats_ms);
            let written = Some(Written { writer: self.writer, oldest: state.oldest() });
            for (endpoint, stats) in std::mem::take(&mut state.stats) {
                self.effects.push_back(Effect::Publish {
                    publish: PublishId { item: None, revision: 0 },
                    partition: *partition,
                    key: to_record_key(&self.channel, endpoint.as_str()),
                    record: Box::new(DeliveryRecord {
                        channel: self.channel.clone(),
                        at: now,
                        written,
                        event: DeliveryEvent::Stats(stats),
                    }),
                });
            }
        }
    }

    /// Lets a new owner find its start where only other channels wrote for long. One that is not stored is repeated after as
    /// many records.
    pub(super) fn publish_checkpoints(&mut self, now: Timestamp) {
        for (partition, state) in &mut self.partitions {
            if !state.needs_checkpoint(self.settings.checkpoint_records) {
                continue;
            }
            state.written = state.followed;
            let mut record = DeliveryRecord::new(self.channel.clone(), now, DeliveryEvent::Checkpoint);
            record.written = Some(Written { writer: self.writer, oldest: state.oldest() });
            self.effects.push_back(Effect::Publish {
                publish: PublishId { item: None, revision: 0 },
                partition: *partition,
                key: to_record_key(&self.channel, "checkpoint"),
                record: Box::new(record),
            });
        }
    }
}
