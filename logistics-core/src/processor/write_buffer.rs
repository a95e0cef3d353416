//! Orders between a commit and the store, and the cache behind them.
//!
//! An order that changed is *unwritten* until a store write holds it, then *in writing* until the store confirms the
//! write, then possibly *cached*. It is looked up in that order, so what an unsettled write holds is never read from the
//! store.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::effect::CallId;
use super::memory;
use crate::ids::{Offset, OrderId, Partition, RequestId};
use crate::order::Order;
use crate::outcome::RequestOutcome;
use crate::port::{DocumentWrite, IndexEntry, OrderParties, StoreWrite, Token};

/// An order that changed, and the index entry that the store holds for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Changed {
    pub(super) order: Arc<Order>,
    pub(super) previous: Option<IndexEntry>,
    /// The store had lost its document, so it may hold any index entry for it.
    pub(super) rebuilt: bool,
}

/// Committed changes that no store write contains yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct WriteBuffer {
    pub(super) orders: BTreeMap<OrderId, Changed>,
    pub(super) outcomes: Vec<(RequestId, RequestOutcome)>,
    /// An estimate of what the orders take.
    pub(super) bytes: usize,
}

impl WriteBuffer {
    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.outcomes.is_empty()
    }

    /// Takes in what a transaction changed. `changed.previous` is the entry of the state that the transaction began with;
    /// where that state is unwritten itself, the store still holds the one before.
    pub(super) fn merge(
        &mut self,
        orders: BTreeMap<OrderId, Changed>,
        outcomes: Vec<(RequestId, RequestOutcome)>,
    ) {
        for (order_id, changed) in orders {
            self.bytes += memory::of_order(&changed.order);
            match self.orders.get_mut(&order_id) {
                Some(unwritten) => {
                    self.bytes -= memory::of_order(&unwritten.order);
                    unwritten.order = changed.order;
                }
                None => {
                    self.orders.insert(order_id, changed);
                }
            }
        }
        self.outcomes.extend(outcomes);
    }

    /// Makes it one store write; what is written is handed back, to be held until the write is settled.
    pub(super) fn write(self, at: WriteAt) -> (StoreWrite, BTreeMap<OrderId, Arc<Order>>) {
        let documents = self.orders.values().map(document).collect();
        let write = StoreWrite {
            partition: at.partition,
            expected: at.expected,
            next: at.next,
            offset: at.offset,
            answered: at.answered,
            basis: at.basis,
            documents,
            outcomes: self.outcomes,
        };
        (write, self.orders.into_iter().map(|(order_id, changed)| (order_id, changed.order)).collect())
    }
}

/// The partition, tokens and checkpoint of a write.
#[derive(Debug, Clone)]
pub(super) struct WriteAt {
    pub(super) partition: Partition,
    pub(super) expected: Option<Token>,
    pub(super) next: Token,
    pub(super) offset: Offset,
    pub(super) answered: Offset,
    pub(super) basis: Bytes,
}

fn document(changed: &Changed) -> DocumentWrite {
    let order = &changed.order;
    DocumentWrite {
        order_id: order.order_id.clone(),
        json: Bytes::from(order.to_document()),
        status: order.status,
        changed_at: order.updated_at,
        parties: OrderParties::from(&**order),
        previous: changed.previous.clone(),
        rebuilt: changed.rebuilt,
        late: order.late,
        due: order.due(),
    }
}

/// A store write under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Writing {
    pub(super) call: CallId,
    pub(super) token: Token,
    /// The offset and the answered offset that it gives the checkpoint.
    pub(super) checkpoint: (Offset, Offset),
    pub(super) bytes: usize,
    pub(super) orders: BTreeMap<OrderId, Arc<Order>>,
}

/// Orders whose state the store holds too. Two generations: a look-up keeps an order young, and when the young ones are
/// too many, the old ones that were not looked up are evicted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Cache {
    generation_orders_max: usize,
    generation_bytes_max: usize,
    /// Of the young ones, and of the old ones.
    young_bytes: usize,
    old_bytes: usize,
    young: BTreeMap<OrderId, Arc<Order>>,
    old: BTreeMap<OrderId, Arc<Order>>,
}

impl Cache {
    pub(super) fn new(orders_max: usize, bytes_max: usize) -> Self {
        Self { generation_orders_max: orders_max / 2, generation_bytes_max: bytes_max / 2, ..Self::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.young_bytes + self.old_bytes
    }

    pub(super) fn find(&mut self, order_id: &OrderId) -> Option<Arc<Order>> {
        if let Some(order) = self.young.get(order_id) {
            return Some(order.clone());
        }
        let order = self.remove_old(order_id)?;
        self.insert(order.clone());
        Some(order)
    }

    /// Keeps an order, unless it is terminal: requests about terminal orders are rare.
    pub(super) fn keep(&mut self, order: Arc<Order>) {
        self.remove_old(&order.order_id);
        if order.status.is_terminal() {
            self.remove_young(&order.order_id);
        } else {
            self.insert(order);
        }
    }

    fn insert(&mut self, order: Arc<Order>) {
        if self.generation_orders_max == 0 {
            return;
        }
        self.remove_young(&order.order_id);
        let bytes = memory::of_order(&order);
        let full = self.young_bytes + bytes > self.generation_bytes_max;
        if full || self.young.len() >= self.generation_orders_max {
            self.old = std::mem::take(&mut self.young);
            self.old_bytes = std::mem::take(&mut self.young_bytes);
        }
        if bytes <= self.generation_bytes_max {
            self.young_bytes += bytes;
            self.young.insert(order.order_id.clone(), order);
        }
    }

    fn remove_old(&mut self, order_id: &OrderId) -> Option<Arc<Order>> {
        let order = self.old.remove(order_id)?;
        self.old_bytes -= memory::of_order(&order);
        Some(order)
    }

    fn remove_young(&mut self, order_id: &OrderId) {
        if let Some(order) = self.young.remove(order_id) {
            self.young_bytes -= memory::of_order(&order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Timestamp, Version};
    use crate::lifecycle::Status;

    fn order(name: &str, status: Status) -> Arc<Order> {
        Arc::new(Order {
            order_id: OrderId::parse(name).unwrap(),
            status,
            version: Version(1),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            customer_id: None,
            merchant_id: None,
            courier_id: None,
            details: None,
            contacts: crate::contact::Contacts::default(),
            delivery_attempts: 0,
            attempts_left: None,
            late: false,
            deadline: None,
            trace: None,
            tracking_epoch: None,
            allowed_transitions: Vec::new(),
            history: Vec::new(),
        })
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_looked_up() {
        let mut cache = Cache::new(4, usize::MAX);
        let asked = OrderId::parse("asked").unwrap();
        cache.keep(order("asked", Status::Placed));
        for n in 0..20 {
            cache.keep(order(&format!("o{n}"), Status::Placed));
            assert!(cache.find(&asked).is_some());
            assert!(cache.young.len() + cache.old.len() <= 4);
        }
        cache.keep(order("asked", Status::Delivered));
        assert!(cache.find(&asked).is_none());
    }

    #[test]
    fn a_second_change_keeps_the_entry_that_the_store_holds() {
        let changed = |status, previous| Changed { order: order("a", status), previous, rebuilt: false };
        let one = |changed: Changed| BTreeMap::from([(changed.order.order_id.clone(), changed)]);
        let mut unwritten = WriteBuffer::default();
        unwritten.merge(one(changed(Status::Placed, None)), Vec::new());
        let placed = Some(IndexEntry::from(&*order("a", Status::Placed)));
        unwritten.merge(one(changed(Status::Confirmed, placed)), Vec::new());
        let merged = unwritten.orders.values().next().unwrap();
        assert_eq!((merged.order.status, &merged.previous), (Status::Confirmed, &None));
    }
}
