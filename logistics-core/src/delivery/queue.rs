//! Notifications, the window of a partition, and the queues of the endpoints.

use std::sync::Arc;

use super::deliveries::Deliveries;
use super::effect::EndpointStatus;
use super::item::{Item, ItemId, ItemState, Pair};
use super::partition::Phase;
use super::record::{DeliveryKey, DeliveryOutcome, Problem, WaitReason};
use crate::ids::{EndpointId, Offset, Partition, Timestamp, Version};
use crate::notify::Notification;

impl Deliveries {
    pub(super) fn on_notified(
        &mut self,
        now: Timestamp,
        partition: Partition,
        offset: Offset,
        notification: &Arc<Notification>,
        endpoints: Vec<EndpointId>,
    ) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        state.next = Some(offset.next());
        for endpoint in endpoints {
            let Notification { order_id, version, .. } = &**notification;
            let key = DeliveryKey::new(endpoint.clone(), order_id.clone(), *version);
            let state = self.partitions.get(&partition);
            let settled = state.is_some_and(|state| state.settled.contains_key(&key));
            // The position was not acknowledged, and the log has the delivery already.
            if let Some(item) = self.item_of(&key).and_then(|id| self.items.get_mut(&id)) {
                item.origin.get_or_insert(offset);
                continue;
            }
            if settled {
                continue;
            }
            let mut item = Item::new(partition, endpoint.clone(), notification.clone(), now);
            let pair = item.pair();
            item.held_until = now.after_millis(self.settings.hold_ms);
            (item.origin, item.held) = (Some(offset), true);
            let (is_full, reason) = (self.is_full(&endpoint), self.waits_for(now, &pair));
            item.problem = is_full.then(|| Problem::new("full", None));
            let held_until = item.held_until;
            let id = self.insert(item);
            self.hold(partition, offset, &endpoint);
            if is_full {
                self.finish(now, id, DeliveryOutcome::Dead);
                continue;
            }
            match reason {
                Some(reason) => self.store(now, id, reason),
                None => _ = self.lates.insert((held_until, id)),
            }
            self.end_unwanted(now, &pair);
            self.refresh(now, &pair);
        }
    }

    pub(super) fn on_passed(&mut self, partition: Partition, next: Offset) {
        if let Some(state) = self.partitions.get_mut(&partition) {
            state.next = state.next.max(Some(next));
        }
    }

    /// As many deliveries of the endpoint wait as may.
    fn is_full(&self, endpoint: &EndpointId) -> bool {
        self.endpoints.get(endpoint).is_some_and(|state| state.items >= self.settings.waiting_endpoint_max)
    }

    /// Why a new delivery waits in the log at once.
    fn waits_for(&self, now: Timestamp, pair: &Pair) -> Option<WaitReason> {
        let stored = |id: ItemId| self.items.get(&id).is_some_and(Item::is_stored);
        if self.ids_of(pair).into_iter().any(stored) {
            return Some(WaitReason::Behind);
        }
        let endpoint = self.endpoints.get(&pair.0)?;
        if endpoint.is_paused(now) {
            return Some(WaitReason::Paused);
        }
        endpoint.is_behind(&self.settings).then_some(WaitReason::Busy)
    }

    fn hold(&mut self, partition: Partition, origin: Offset, endpoint: &EndpointId) {
        if let Some(state) = self.partitions.get_mut(&partition) {
            *state.window.entry(origin).or_default() += 1;
            state.held += 1;
        }
        self.endpoints.entry(endpoint.clone()).or_default().held += 1;
    }

    /// The position waits for the delivery no longer.
    pub(super) fn unhold(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id).filter(|item| item.held) else { return };
        item.held = false;
        if let (Some(state), Some(origin)) = (self.partitions.get_mut(&item.partition), item.origin) {
            state.release(origin);
        }
        if let Some(endpoint) = self.endpoints.get_mut(&item.endpoint) {
            endpoint.held = endpoint.held.saturating_sub(1);
        }
    }

    pub(super) fn item_of(&self, key: &DeliveryKey) -> Option<ItemId> {
        self.orders.get(&key.endpoint)?.get(&key.order_id)?.get(&key.version).copied()
    }

    pub(super) fn insert(&mut self, item: Item) -> ItemId {
        self.next_item += 1;
        let id = self.next_item;
        let (endpoint, order_id) = item.pair();
        self.endpoints.entry(endpoint.clone()).or_default().items += 1;
        let versions = self.orders.entry(endpoint).or_default().entry(order_id).or_default();
        versions.insert(item.notification.version, id);
        self.items.insert(id, item);
        id
    }

    /// Forgets a delivery, and lets the next one of its order start.
    pub(super) fn remove(&mut self, now: Timestamp, id: ItemId) {
        self.unhold(id);
        self.unqueue(id);
        let Some(item) = self.items.remove(&id) else { return };
        let pair = item.pair();
        if let Some(endpoint) = self.endpoints.get_mut(&pair.0) {
            endpoint.items = endpoint.items.saturating_sub(1);
        }
        self.forget_version(&pair, item.notification.version);
        self.lates.remove(&(item.held_until, id));
        if let (Some(log), Some(state)) = (item.log, self.partitions.get_mut(&item.partition)) {
            state.logged.remove(&(log, id));
        }
        self.publish_next(now, &pair);
        self.refresh(now, &pair);
    }

    fn forget_version(&mut self, (endpoint, order_id): &Pair, version: Version) {
        let Some(orders) = self.orders.get_mut(endpoint) else { return };
        if let Some(versions) = orders.get_mut(order_id) {
            versions.remove(&version);
            if versions.is_empty() {
                orders.remove(order_id);
            }
        }
        if orders.is_empty() {
            self.orders.remove(endpoint);
        }
    }

    /// The deliveries of an order to an endpoint, the lowest version first.
    pub(super) fn ids_of(&self, (endpoint, order_id): &Pair) -> Vec<ItemId> {
        let versions = self.orders.get(endpoint).and_then(|orders| orders.get(order_id));
        versions.into_iter().flat_map(|versions| versions.values().copied()).collect()
    }

    /// The orders with deliveries to an endpoint.
    pub(super) fn pairs_of(&self, endpoint: &EndpointId) -> Vec<Pair> {
        let orders = self.orders.get(endpoint).into_iter().flat_map(|orders| orders.keys());
        orders.map(|order_id| (endpoint.clone(), order_id.clone())).collect()
    }

    fn unqueue(&mut self, id: ItemId) {
        let Some(item) = self.items.get_mut(&id) else { return };
        if let (Some(at), Some(endpoint)) = (item.queued.take(), self.endpoints.get_mut(&item.endpoint)) {
            endpoint.queue.remove(&(at, id));
        }
    }

    /// Queues the lowest version of an order, if nothing of the order is under way to the endpoint, and starts what may start.
    pub(super) fn refresh(&mut self, now: Timestamp, pair: &Pair) {
        let ids = self.ids_of(pair);
        let idle = ids.iter().all(|id| self.items.get(id).is_some_and(|item| item.state == ItemState::Idle));
        for (index, id) in ids.into_iter().enumerate() {
            self.unqueue(id);
            let Some(item) = self.items.get(&id) else { continue };
            let phase = self.partitions.get(&item.partition).map(|state| state.phase);
            if index == 0 && idle && phase == Some(Phase::Live) && !self.draining {
                let at = item.ready_at();
                let endpoint = self.endpoints.entry(pair.0.clone()).or_default();
                if endpoint.status == EndpointStatus::Enabled {
                    endpoint.queue.insert((at, id));
                    self.update_queued(id, at);
                }
            }
        }
        self.dispatch(now, &pair.0);
    }

    fn update_queued(&mut self, id: ItemId, at: Timestamp) {
        if let Some(item) = self.items.get_mut(&id) {
            item.queued = Some(at);
        }
    }
}
