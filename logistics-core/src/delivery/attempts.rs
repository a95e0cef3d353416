//! The ends of attempts and deliveries.

use super::deliveries::Deliveries;
use super::effect::{AttemptId, AttemptOutcome, Effect, EndpointStatus, Report, ReportEvent};
use super::item::{Item, ItemId, ItemState, Pair};
use super::record::{DeliveryOutcome, EndpointStats, Problem, WaitReason};
use super::schedule::delay_ms;
use crate::ids::{EndpointId, Partition, Timestamp};

/// The least wait of a postponed delivery: an endpoint that always wants it at once must not occupy the process.
const POSTPONE_MS_MIN: u64 = 10;

impl Deliveries {
    pub(super) fn on_attempted(&mut self, now: Timestamp, attempt: AttemptId, outcome: AttemptOutcome) {
        let AttemptId { item: id, number } = attempt;
        let is_it = |item: &&mut Item| item.started == number && item.is_in_flight();
        let Some(item) = self.items.get_mut(&id).filter(is_it) else { return };
        let (pair, partition) = (item.pair(), item.partition);
        let overdue = matches!(item.state, ItemState::InFlight { overdue: true, .. });
        item.state = ItemState::Idle;
        self.free(&pair.0, overdue);
        let answered = !matches!(outcome, AttemptOutcome::Failed { .. } | AttemptOutcome::Gone);
        let recovered = answered && self.works(&pair.0);
        match outcome {
            AttemptOutcome::Delivered => {
                self.count(partition, &pair.0, now, None);
                self.finish(now, id, DeliveryOutcome::Delivered);
            }
            AttemptOutcome::Failed { problem, retry_after_ms } => {
                self.fail_endpoint(now, &pair.0, retry_after_ms);
                self.on_failed(now, id, &pair, problem, retry_after_ms);
            }
            AttemptOutcome::Deferred { problem, retry_after_ms } => {
                self.on_failed(now, id, &pair, problem, retry_after_ms);
            }
            AttemptOutcome::Rejected { problem } => self.on_rejected(now, id, &pair, problem),
            AttemptOutcome::Postponed { after_ms } => self.on_postponed(now, id, &pair, after_ms),
            AttemptOutcome::Gone => {
                let problem = Problem::new("gone", Some(410));
                self.count(partition, &pair.0, now, Some(&problem));
                if let Some(item) = self.items.get_mut(&id) {
                    (item.attempts, item.problem) = (item.attempts.saturating_add(1), Some(problem));
                }
                self.disable(&pair.0, None);
                self.finish(now, id, DeliveryOutcome::Dead);
            }
        }
        if recovered {
            self.advance(now, &pair.0);
        }
        self.refresh(now, &pair);
        self.unblock(now);
    }

    /// An attempt to the endpoint is no longer under way.
    pub(super) fn free(&mut self, endpoint: &EndpointId, overdue: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(state) = self.endpoints.get_mut(endpoint) {
            state.in_flight = state.in_flight.saturating_sub(1);
            state.overdue = state.overdue.saturating_sub(usize::from(overdue));
        }
    }

    fn on_rejected(&mut self, now: Timestamp, id: ItemId, pair: &Pair, problem: Problem) {
        let Some(item) = self.items.get_mut(&id) else { return };
        (item.attempts, item.problem) = (item.attempts.saturating_add(1), Some(problem.clone()));
        let partition = item.partition;
        self.count(partition, &pair.0, now, Some(&problem));
        self.finish(now, id, self.end_at(&pair.0).unwrap_or(DeliveryOutcome::Dead));
    }

    /// How the deliveries to an endpoint end that receives no messages. `None`: it receives them.
    pub(super) fn end_at(&self, endpoint: &EndpointId) -> Option<DeliveryOutcome> {
        match self.endpoints.get(endpoint)?.status {
            EndpointStatus::Enabled => None,
            EndpointStatus::Disabled => Some(DeliveryOutcome::Dead),
            EndpointStatus::Deleted => Some(DeliveryOutcome::Dropped),
        }
    }

    /// The endpoint answered. Returns whether its breaker was open.
    fn works(&mut self, endpoint: &EndpointId) -> bool {
        let Some(state) = self.endpoints.get_mut(endpoint) else { return false };
        state.failing_since = None;
        state.breaker.succeeded()
    }

    fn on_postponed(&mut self, now: Timestamp, id: ItemId, pair: &Pair, after_ms: u64) {
        if let Some(outcome) = self.end_at(&pair.0) {
            return self.finish(now, id, outcome);
        }
        let due_at = now.after_millis(after_ms.clamp(POSTPONE_MS_MIN, self.settings.retry_after_ms_max));
        let Some(item) = self.items.get_mut(&id) else { return };
        (item.due_at, item.early) = (due_at, false);
        // The log knows that it waits. A new owner calls at once, and learns anew until when.
        if !item.is_stored() {
            self.store(now, id, WaitReason::Postponed);
            self.store_later(now, pair);
        }
    }

    fn on_failed(
        &mut self,
        now: Timestamp,
        id: ItemId,
        pair: &Pair,
        problem: Problem,
        retry_after_ms: Option<u64>,
    ) {
        let random = self.random();
        let Some(item) = self.items.get_mut(&id) else { return };
        let partition = item.partition;
        // An early attempt is none of the schedule.
        let is_early = std::mem::take(&mut item.early) && item.due_at > now && item.log.is_some();
        item.problem = Some(problem.clone());
        if !is_early {
            item.attempts = item.attempts.saturating_add(1);
        }
        let attempts = item.attempts;
        self.count(partition, &pair.0, now, Some(&problem));
        if let Some(outcome) = self.end_at(&pair.0) {
            return self.finish(now, id, outcome);
        }
        if is_early {
            return;
        }
        let Some(delay_ms) = delay_ms(&self.settings, attempts, retry_after_ms, random) else {
            return self.finish(now, id, DeliveryOutcome::Dead);
        };
        let due_at = now.after_millis(delay_ms);
        if let Some(item) = self.items.get_mut(&id) {
            item.due_at = due_at;
        }
        self.report(id, ReportEvent::Retried { problem, due_at });
        self.store(now, id, WaitReason::Failed);
        self.store_later(now, pair);
    }

    fn fail_endpoint(&mut self, now: Timestamp, endpoint: &EndpointId, retry_after_ms: Option<u64>) {
        let random = self.random();
        let Some(state) = self.endpoints.get_mut(endpoint) else { return };
        state.breaker.failed(now, &self.settings, random);
        let pause_ms = retry_after_ms.unwrap_or(0).min(self.settings.retry_after_ms_max);
        state.paused_until = state.paused_until.max(now.after_millis(pause_ms));
        let since = *state.failing_since.get_or_insert(now);
        if now.millis_since(since) >= self.settings.disable_after_ms {
            self.disable(endpoint, Some(since));
        }
    }

    fn disable(&mut self, endpoint: &EndpointId, failing_since: Option<Timestamp>) {
        let state = self.endpoints.entry(endpoint.clone()).or_default();
        if state.status == EndpointStatus::Enabled && !std::mem::replace(&mut state.disabling, true) {
            self.effects.push_back(Effect::Disable { endpoint: endpoint.clone(), failing_since });
        }
    }

    /// The endpoint works again: what waits for it after a failure is attempted once before its time.
    fn advance(&mut self, now: Timestamp, endpoint: &EndpointId) {
        for pair in self.pairs_of(endpoint) {
            let head = self.ids_of(&pair).first().copied();
            let Some(item) = head.and_then(|id| self.items.get_mut(&id)) else { continue };
            if item.state == ItemState::Idle && item.due_at > now {
                item.early = true;
                self.refresh(now, &pair);
            }
        }
    }

    /// A delivery ended.
    pub(super) fn finish(&mut self, now: Timestamp, id: ItemId, outcome: DeliveryOutcome) {
        let Some(item) = self.items.get_mut(&id) else { return };
        let (partition, endpoint, problem) = (item.partition, item.endpoint.clone(), item.problem.clone());
        item.state = ItemState::Ended(outcome);
        let stored = item.is_stored();
        let event = match outcome {
            DeliveryOutcome::Delivered => ReportEvent::Delivered,
            DeliveryOutcome::Dead => ReportEvent::Dead { problem },
            DeliveryOutcome::Dropped => ReportEvent::Dropped,
        };
        if outcome == DeliveryOutcome::Dead
            && let Some(stats) = self.stats(partition, &endpoint)
        {
            stats.dead += 1;
        }
        self.report(id, event);
        if stored || outcome == DeliveryOutcome::Dead {
            self.revise(now, id);
        } else {
            self.remove(now, id);
        }
    }

    fn report(&mut self, id: ItemId, event: ReportEvent) {
        let Some(item) = self.items.get(&id) else { return };
        // Only failed attempts are counted before.
        let last = u32::from(event == ReportEvent::Delivered);
        self.effects.push_back(Effect::Report(Report {
            partition: item.partition,
            endpoint: item.endpoint.clone(),
            notification: item.notification.clone(),
            attempts: item.attempts.saturating_add(last),
            event,
        }));
    }

    fn stats(&mut self, partition: Partition, endpoint: &EndpointId) -> Option<&mut EndpointStats> {
        let state = self.partitions.get_mut(&partition)?;
        let new = || EndpointStats::new(endpoint.clone());
        Some(state.stats.entry(endpoint.clone()).or_insert_with(new))
    }

    /// Counts an attempt; with a problem, one that failed.
    fn count(
        &mut self,
        partition: Partition,
        endpoint: &EndpointId,
        now: Timestamp,
        problem: Option<&Problem>,
    ) {
        let Some(stats) = self.stats(partition, endpoint) else { return };
        match problem {
            None => {
                stats.delivered += 1;
                stats.last_success_at = Some(now);
            }
            Some(problem) => {
                stats.failed += 1;
                stats.last_failure_at = Some(now);
                stats.last_problem = Some(problem.clone());
            }
        }
    }
}
