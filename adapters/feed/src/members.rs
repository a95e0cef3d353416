//! The subscribers of one partition.

use std::collections::HashMap;
use std::sync::Arc;

use logistics_core::{Offset, OrderId};

use crate::event::{FeedError, Filter, LoggedFact};
use crate::queue::{End, Queue};

/// The subscribers that have caught up with the partition's reader.
#[derive(Debug, Default)]
pub(crate) struct Members {
    all: Vec<Member>,
    by_order: HashMap<OrderId, Vec<Member>>,
}

#[derive(Debug)]
struct Member {
    /// The subscriber has what lies before it, or does not want it.
    from: Offset,
    queue: Arc<Queue>,
}

impl Member {
    fn offer(&self, fact: &Arc<LoggedFact>) -> bool {
        fact.offset < self.from || self.queue.offer(fact)
    }
}

impl Members {
    pub(crate) fn add(&mut self, filter: &Filter, queue: Arc<Queue>, from: Offset) {
        let member = Member { from, queue };
        match filter {
            Filter::All => self.all.push(member),
            Filter::Order(order_id) => self.by_order.entry(order_id.clone()).or_default().push(member),
        }
    }

    pub(crate) fn remove(&mut self, filter: &Filter, queue: &Arc<Queue>) {
        let stays = |member: &Member| !Arc::ptr_eq(&member.queue, queue);
        match filter {
            Filter::All => self.all.retain(stays),
            Filter::Order(order_id) => self.retain_of(order_id, stays),
        }
    }

    /// Queues a fact for each subscriber that wants it, and removes those whose queue has ended.
    pub(crate) fn offer(&mut self, fact: &Arc<LoggedFact>) {
        self.all.retain(|member| member.offer(fact));
        self.retain_of(&fact.fact.order_id, |member| member.offer(fact));
    }

    /// Ends every subscription with this error.
    pub(crate) fn close(&mut self, error: &FeedError) {
        for member in self.all.drain(..).chain(self.by_order.drain().flat_map(|(_, members)| members)) {
            member.queue.end(End::Closed(error.clone()));
        }
    }

    fn retain_of(&mut self, order_id: &OrderId, stays: impl FnMut(&Member) -> bool) {
        let Some(members) = self.by_order.get_mut(order_id) else { return };
        members.retain(stays);
        if members.is_empty() {
            self.by_order.remove(order_id);
        }
    }
}
