//! The records of a partition's deliveries: those from before the recovery, and those of others after it.

use std::sync::Arc;

use super::deliveries::Deliveries;
use super::effect::Effect;
use super::item::{Item, ItemId, ItemState};
use super::partition::{PartitionState, Phase};
use super::record::{DeliveryEvent, DeliveryKey, DeliveryOutcome, DeliveryRecord, WaitReason, Waiting};
use crate::ids::{Offset, Partition, Timestamp};

impl Deliveries {
    pub(super) fn on_assigned(&mut self, partition: Partition) {
        if self.partitions.contains_key(&partition) || self.draining {
            return;
        }
        self.partitions.insert(partition, PartitionState::recovering());
        self.effects.push_back(Effect::Recover(partition));
    }

    pub(super) fn on_replayed(
        &mut self,
        now: Timestamp,
        partition: Partition,
        offset: Offset,
        record: DeliveryRecord,
    ) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        state.followed = offset.next();
        state.replayed_at = record.at;
        if record.channel != self.channel {
            return;
        }
        if record.written.is_some() {
            state.written = offset.next();
        }
        match &record.event {
            DeliveryEvent::Settled(settled) => {
                state.settled.insert(settled.key.clone(), (record.at, offset));
            }
            DeliveryEvent::Waiting(waiting) => _ = state.settled.remove(&waiting.key()),
            DeliveryEvent::Redrive(redrive) => _ = state.settled.remove(&redrive.key()),
            DeliveryEvent::Stats(_) | DeliveryEvent::Checkpoint => {}
        }
        self.apply(now, partition, offset, record);
    }

    pub(super) fn on_recovered(&mut self, now: Timestamp, partition: Partition, next: Offset) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if state.phase != Phase::Recovering {
            return;
        }
        state.followed = state.followed.max(next);
        state.keep_settled(now);
        state.stats_at = now.after_millis(self.settings.stats_ms);
        state.phase = if self.draining { Phase::Leaving } else { Phase::Live };
        let items = self.items.values().filter(|item| item.partition == partition);
        let pairs: std::collections::BTreeSet<_> = items.map(Item::pair).collect();
        for pair in pairs {
            self.end_unwanted(now, &pair);
            self.refresh(now, &pair);
        }
    }

    pub(super) fn on_followed(
        &mut self,
        now: Timestamp,
        partition: Partition,
        offset: Offset,
        record: Option<DeliveryRecord>,
    ) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        if offset < state.followed {
            return;
        }
        state.followed = offset.next();
        let Some(record) = record.filter(|record| record.channel == self.channel) else { return };
        if record.written.is_some() {
            state.written = offset.next();
        }
        if record.written.is_some_and(|written| written.writer == self.writer) {
            // An own record: its answer may still be on its way.
            if let DeliveryEvent::Waiting(waiting) = &record.event
                && let Some(id) = self.item_of(&waiting.key())
            {
                self.set_log(now, id, offset);
            }
            return;
        }
        let pair = match &record.event {
            DeliveryEvent::Waiting(waiting) => Some(waiting.key()),
            DeliveryEvent::Redrive(redrive) => Some(redrive.key()),
            DeliveryEvent::Settled(_) | DeliveryEvent::Stats(_) | DeliveryEvent::Checkpoint => None,
        };
        let pair = pair.map(|key| (key.endpoint, key.order_id));
        self.apply(now, partition, offset, record);
        if let Some(pair) = pair {
            self.end_unwanted(now, &pair);
            self.refresh(now, &pair);
        }
    }

    /// Folds one record.
    fn apply(&mut self, now: Timestamp, partition: Partition, offset: Offset, record: DeliveryRecord) {
        match record.event {
            DeliveryEvent::Waiting(waiting) => {
                let endpoint = self.endpoints.entry(waiting.endpoint.clone()).or_default();
                if endpoint.failing_since.is_none() {
                    endpoint.failing_since = waiting.failing_since;
                }
                let Waiting { endpoint, attempts, due_at, problem, reason, notification, .. } = waiting;
                let key = DeliveryKey::new(endpoint, notification.order_id.clone(), notification.version);
                let id = self.stored_item(now, partition, key, notification);
                self.update(id, |item| {
                    (item.attempts, item.due_at, item.problem, item.reason) =
                        (attempts, due_at, problem, reason);
                    item.stored_at = record.at;
                });
                self.set_log(now, id, offset);
            }
            DeliveryEvent::Redrive(redrive) => {
                let key = redrive.key();
                let id = self.stored_item(now, partition, key, redrive.notification);
                self.update(id, |item| {
                    (item.attempts, item.due_at, item.problem, item.reason) =
                        (0, record.at, None, WaitReason::Busy);
                    item.stored_at = record.at;
                });
                self.set_log(now, id, offset);
            }
            DeliveryEvent::Settled(settled) => {
                if settled.outcome == DeliveryOutcome::Delivered
                    && let Some(endpoint) = self.endpoints.get_mut(&settled.key.endpoint)
                {
                    endpoint.failing_since = None;
                }
                let Some(id) = self.item_of(&settled.key) else { return };
                // The attempt under way decides by itself.
                if self.items.get(&id).is_some_and(|item| item.state == ItemState::Idle && !item.held) {
                    self.remove(now, id);
                }
            }
            DeliveryEvent::Stats(_) | DeliveryEvent::Checkpoint => {}
        }
    }

    /// Changes a delivery that nothing is under way for.
    fn update(&mut self, id: ItemId, change: impl FnOnce(&mut Item)) {
        if let Some(item) = self.items.get_mut(&id).filter(|item| item.state == ItemState::Idle) {
            change(item);
        }
    }

    fn stored_item(
        &mut self,
        now: Timestamp,
        partition: Partition,
        key: DeliveryKey,
        notification: crate::notify::Notification,
    ) -> ItemId {
        if let Some(id) = self.item_of(&key) {
            return id;
        }
        self.insert(Item::new(partition, key.endpoint, Arc::new(notification), now))
    }

    /// The record of a waiting delivery has this offset, or a later one.
    pub(super) fn set_log(&mut self, now: Timestamp, id: ItemId, offset: Offset) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if item.log.is_some_and(|log| log >= offset) {
            return;
        }
        let before = item.log.replace(offset);
        if let Some(state) = self.partitions.get_mut(&item.partition) {
            if let Some(before) = before {
                state.logged.remove(&(before, id));
            }
            state.logged.insert((offset, id));
        }
        let pair = item.pair();
        self.unhold(id);
        self.publish_next(now, &pair);
    }

    /// Ends what waits for an endpoint that receives nothing.
    pub(super) fn end_unwanted(&mut self, now: Timestamp, pair: &super::item::Pair) {
        let Some(outcome) = self.end_at(&pair.0) else { return };
        for id in self.ids_of(pair) {
            let live = |item: &&Item| {
                let phase = self.partitions.get(&item.partition).map(|state| state.phase);
                item.state == ItemState::Idle && phase == Some(Phase::Live)
            };
            if self.items.get(&id).filter(live).is_some() {
                self.finish(now, id, outcome);
            }
        }
    }
}
