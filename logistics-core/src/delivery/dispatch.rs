//! Starting attempts, and what time does.

use super::deliveries::Deliveries;
use super::effect::{AttemptId, Effect};
use super::item::{ItemId, ItemState};
use super::record::WaitReason;
use crate::ids::{EndpointId, Timestamp};

impl Deliveries {
    /// Does what is due.
    pub(super) fn on_time(&mut self, now: Timestamp) {
        while let Some((_, id)) = pop_due(&mut self.lates, now) {
            self.on_late(now, id);
        }
        while let Some((_, id)) = pop_due(&mut self.republish, now) {
            let is_open = self.items.get(&id).is_some_and(|item| item.revision != item.stored_revision);
            if is_open {
                self.publish(now, id);
            }
        }
        while let Some((_, endpoint)) = pop_due(&mut self.wakes, now) {
            if let Some(state) = self.endpoints.get_mut(&endpoint) {
                state.wake_at = None;
            }
            self.dispatch(now, &endpoint);
        }
        for state in self.partitions.values_mut() {
            if state.forget_at.is_some_and(|at| at <= now) {
                (state.settled, state.forget_at) = (std::collections::BTreeMap::new(), None);
            }
        }
        self.keep_stored(now);
        self.publish_stats(now);
        self.publish_checkpoints(now);
    }

    /// Starts the attempts that may start to an endpoint.
    pub(super) fn dispatch(&mut self, now: Timestamp, endpoint: &EndpointId) {
        while let Some(state) = self.endpoints.get_mut(endpoint) {
            let Some((ready_at, id)) = state.queue.first().copied() else { return };
            // The probe of an open breaker may precede its time.
            let is_probe = !state.breaker.is_closed();
            let at = if is_probe { state.admits_from() } else { ready_at.max(state.admits_from()) };
            if at > now {
                return self.wake(endpoint, at);
            }
            if !state.has_room(&self.settings) {
                return;
            }
            if self.in_flight >= self.settings.in_flight_max {
                self.blocked.insert(endpoint.clone());
                return;
            }
            state.queue.pop_first();
            state.in_flight += 1;
            self.in_flight += 1;
            self.start(now, id);
        }
    }

    fn start(&mut self, now: Timestamp, id: ItemId) {
        let late_at = now.after_millis(self.settings.hold_ms);
        let Some(item) = self.items.get_mut(&id) else { return };
        item.queued = None;
        item.early = item.due_at > now;
        item.started = item.started.saturating_add(1);
        item.state = ItemState::InFlight { since: now, overdue: false };
        let attempt = AttemptId { item: id, number: item.started };
        self.lates.insert((late_at, id));
        self.effects.push_back(Effect::Attempt {
            attempt,
            partition: item.partition,
            offset: item.origin.or(item.log).unwrap_or_default(),
            endpoint: item.endpoint.clone(),
            notification: item.notification.clone(),
            number: item.attempts.saturating_add(1),
        });
    }

    fn wake(&mut self, endpoint: &EndpointId, at: Timestamp) {
        let Some(state) = self.endpoints.get_mut(endpoint) else { return };
        if let Some(before) = state.wake_at.replace(at) {
            self.wakes.remove(&(before, endpoint.clone()));
        }
        self.wakes.insert((at, endpoint.clone()));
    }

    /// The time limit of a delivery has passed: for the position that it holds, or for the answer to its attempt.
    fn on_late(&mut self, now: Timestamp, id: ItemId) {
        let hold_ms = self.settings.hold_ms;
        let Some(item) = self.items.get_mut(&id) else { return };
        let mut reason = WaitReason::Busy;
        if let ItemState::InFlight { since, overdue } = &mut item.state {
            reason = WaitReason::Slow;
            if !*overdue && since.after_millis(hold_ms) <= now {
                *overdue = true;
                if let Some(endpoint) = self.endpoints.get_mut(&item.endpoint) {
                    endpoint.overdue += 1;
                }
            }
        }
        if item.held && item.held_until <= now && !item.is_stored() {
            let pair = item.pair();
            self.store(now, id, reason);
            self.store_later(now, &pair);
        }
    }

    /// An attempt of the process has ended: others may start.
    pub(super) fn unblock(&mut self, now: Timestamp) {
        for endpoint in std::mem::take(&mut self.blocked) {
            self.dispatch(now, &endpoint);
        }
    }
}

fn pop_due<T: Ord + Clone>(
    queue: &mut std::collections::BTreeSet<(Timestamp, T)>,
    now: Timestamp,
) -> Option<(Timestamp, T)> {
    if queue.first()?.0 > now { None } else { queue.pop_first() }
}
