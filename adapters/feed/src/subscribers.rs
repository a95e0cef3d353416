//! The subscribers of one partition.

use std::collections::HashMap;
use std::sync::Arc;

use logistics_core::{Offset, OrderId};

use crate::event::{FeedError, Filter, LoggedFact};
use crate::queue::{End, Queue};

/// The subscribers that have caught up with the partition's reader.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    all: Vec<Subscriber>,
    by_order: HashMap<OrderId, Vec<Subscriber>>,
}

#[derive(Debug)]
struct Subscriber {
    /// The first offset to queue. The subscriber has the earlier facts, or starts after them.
    from: Offset,
    queue: Arc<Queue>,
}

impl Subscriber {
    fn offer(&self, fact: &Arc<LoggedFact>) -> bool {
        fact.offset < self.from || self.queue.offer(fact)
    }
}

impl Subscribers {
    pub(crate) fn add(&mut self, filter: &Filter, queue: Arc<Queue>, from: Offset) {
        let subscriber = Subscriber { from, queue };
        match filter {
            Filter::All => self.all.push(subscriber),
            Filter::Order(order_id) => self.by_order.entry(order_id.clone()).or_default().push(subscriber),
        }
    }

    pub(crate) fn remove(&mut self, filter: &Filter, queue: &Arc<Queue>) {
        let stays = |subscriber: &Subscriber| !Arc::ptr_eq(&subscriber.queue, queue);
        match filter {
            Filter::All => self.all.retain(stays),
            Filter::Order(order_id) => self.retain_of(order_id, stays),
        }
    }

    /// Queues a fact for each subscriber whose filter matches, and removes subscribers whose queue has ended.
    pub(crate) fn offer(&mut self, fact: &Arc<LoggedFact>) {
        self.all.retain(|subscriber| subscriber.offer(fact));
        self.retain_of(&fact.fact.order_id, |subscriber| subscriber.offer(fact));
    }

    /// Ends every subscription with this error.
    pub(crate) fn close(&mut self, error: &FeedError) {
        for subscriber in
            self.all.drain(..).chain(self.by_order.drain().flat_map(|(_, subscribers)| subscribers))
        {
            subscriber.queue.end(End::Closed(error.clone()));
        }
    }

    fn retain_of(&mut self, order_id: &OrderId, stays: impl FnMut(&Subscriber) -> bool) {
        let Some(subscribers) = self.by_order.get_mut(order_id) else { return };
        subscribers.retain(stays);
        if subscribers.is_empty() {
            self.by_order.remove(order_id);
        }
    }
}
