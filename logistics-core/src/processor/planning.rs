//! What a live owner decides next: the inputs and due timers of one transaction, with the states that they need.

use std::collections::BTreeSet;

use super::batch::Plan;
use super::batch_size::BatchSize;
use super::input::Input;
use super::live::Live;
use super::memory;
use super::replay::read_document;
use crate::ids::{OrderId, Timestamp};
use crate::port::Loaded;

impl Live {
    fn take_inputs(&mut self, max: usize) -> Vec<Input> {
        let (mut inputs, mut bytes) = (Vec::new(), 0);
        while inputs.len() < max {
            let Some(input) = self.inbox.front() else { break };
            let size = memory::of_input(input);
            if bytes + size > self.shares.plan && !inputs.is_empty() {
                break;
            }
            bytes += size;
            self.inbox_bytes -= size;
            inputs.extend(self.inbox.pop_front());
        }
        inputs
    }

    /// Takes out what is to be decided next, and finds the states that are known.
    pub(super) fn plan(&mut self, now: Timestamp, batch: BatchSize) -> Option<(Plan, Vec<OrderId>)> {
        let fit = self.document_size.fit(self.shares.plan);
        let inputs = self.take_inputs(batch.inputs.min(fit));
        let facts_left = batch.facts.min(fit.max(inputs.len())).saturating_sub(inputs.len());
        let due = match self.skew {
            None => self.timers.take_due(self.horizon(now), facts_left),
            Some(_) => BTreeSet::new(),
        };
        if inputs.is_empty() && due.is_empty() {
            return None;
        }
        let mut plan = Plan { inputs, due, next: self.next_input(), ..Plan::default() };
        let mut missing = Vec::new();
        let asked = plan.inputs.iter().filter_map(Input::order_id);
        for order_id in asked.chain(plan.due.iter().map(|(_, order_id)| order_id)) {
            if plan.orders.contains_key(order_id) {
                continue;
            }
            let known = self.unwritten.orders.get(order_id).map(|changed| &changed.order);
            let known = known.or_else(|| self.writing.as_ref()?.orders.get(order_id)).cloned();
            let known = known.or_else(|| self.cache.find(order_id));
            if known.is_none() {
                missing.push(order_id.clone());
            }
            // The state is taken now: by the time that missing ones are loaded, a known one may have left the cache.
            plan.orders.insert(order_id.clone(), known);
        }
        Some((plan, missing))
    }

    /// Completes a plan with what was loaded.
    pub(super) fn complete(
        &mut self,
        mut plan: Plan,
        ids: &[OrderId],
        loaded: Loaded,
    ) -> Result<Plan, String> {
        self.document_size.seen(&loaded);
        for (order_id, json) in ids.iter().zip(loaded.documents) {
            let order = json.map(|json| read_document(order_id, &json)).transpose()?;
            plan.orders.insert(order_id.clone(), order);
        }
        plan.missing = loaded.missing;
        Ok(plan)
    }

    /// Up to when timers may fire: not past an input that waits, and, while the backlog of before is being read, not past
    /// what was read of it.
    fn horizon(&self, now: Timestamp) -> Timestamp {
        let waiting = self.inbox.front().map_or(now, |input| input.at);
        let unread = if self.read_position < self.end_at_start { self.last_read_at } else { now };
        now.min(waiting).min(unread)
    }
}
