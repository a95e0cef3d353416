//! Changes of endpoints and of the assignment.

use super::deliveries::Deliveries;
use super::effect::{AttemptId, Effect, EndpointStatus};
use super::item::{Item, ItemId, ItemState};
use super::partition::Phase;
use super::record::WaitReason;
use crate::ids::{EndpointId, Partition, Timestamp};

impl Deliveries {
    pub(super) fn on_endpoint(&mut self, now: Timestamp, endpoint: &EndpointId, status: EndpointStatus) {
        let state = self.endpoints.entry(endpoint.clone()).or_default();
        if state.status == status {
            return;
        }
        state.status = status;
        if status == EndpointStatus::Enabled {
            // A fresh start: its owner says that it works.
            (state.breaker, state.failing_since) = Default::default();
            (state.paused_until, state.disabling) = Default::default();
        }
        for pair in self.pairs_of(endpoint) {
            self.end_unwanted(now, &pair);
            self.refresh(now, &pair);
        }
        let idle = |state: &super::endpoint::EndpointState| state.in_flight == 0 && state.held == 0;
        if status == EndpointStatus::Deleted && self.endpoints.get(endpoint).is_some_and(idle) {
            self.forget_wake(endpoint);
        }
    }

    fn forget_wake(&mut self, endpoint: &EndpointId) {
        if let Some(at) = self.endpoints.get_mut(endpoint).and_then(|state| state.wake_at.take()) {
            self.wakes.remove(&(at, endpoint.clone()));
        }
    }

    /// Stores everything that holds the position. Attempts may still end.
    pub(super) fn on_revoked(&mut self, now: Timestamp, partition: Partition) {
        let Some(state) = self.partitions.get_mut(&partition) else { return };
        state.phase = Phase::Leaving;
        let of_partition = |(id, item): (&ItemId, &Item)| (item.partition == partition).then_some(*id);
        let ids: Vec<ItemId> = self.items.iter().filter_map(of_partition).collect();
        for id in ids {
            let Some(item) = self.items.get(&id) else { continue };
            let (pair, is_open) = (item.pair(), item.held && !item.is_stored());
            // At the end of the process, attempts may still end.
            if is_open && (item.state == ItemState::Idle || !self.draining) {
                self.store(now, id, WaitReason::Moving);
            }
            self.refresh(now, &pair);
        }
        if let Some(state) = self.partitions.get_mut(&partition) {
            state.stats_at = now;
        }
    }

    pub(super) fn on_draining(&mut self, now: Timestamp) {
        self.draining = true;
        let partitions: Vec<Partition> = self.partitions.keys().copied().collect();
        for partition in partitions {
            self.on_revoked(now, partition);
        }
    }

    /// Forgets a partition. The results of its attempts do not matter any more.
    pub(super) fn on_lost(&mut self, now: Timestamp, partition: Partition) {
        if self.partitions.remove(&partition).is_none() {
            return;
        }
        let of_partition = |(id, item): (&ItemId, &Item)| (item.partition == partition).then_some(*id);
        let ids: Vec<ItemId> = self.items.iter().filter_map(of_partition).collect();
        for id in ids {
            if let Some(item) = self.items.get(&id)
                && let ItemState::InFlight { overdue, .. } = item.state
            {
                let (endpoint, number) = (item.endpoint.clone(), item.started);
                self.effects.push_back(Effect::Abandon(AttemptId { item: id, number }));
                self.free(&endpoint, overdue);
            }
            self.remove(now, id);
        }
        self.unblock(now);
    }
}
