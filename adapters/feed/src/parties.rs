//! The facts of the orders of one party.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::StreamExt;
use logistics_core::port::{DocumentLookup, OrderReader};
use logistics_core::{Actor, Change, Order, OrderId, PartyId, Placement, Version};
use tokio::time::sleep;

use crate::event::{FeedError, FeedEvent, Filter, LoggedFact, Positions};
use crate::hub::Hub;
use crate::subscription::Subscription;

/// Orders whose parties a [`PartyHub`] keeps in memory, at least; it keeps up to twice as many.
pub const PARTIES_KEPT_MIN: usize = 32_768;

/// A party of orders.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Party {
    /// Its role: customer, merchant or courier. No order has a party with another role.
    pub role: Actor,
    /// Its id.
    pub id: PartyId,
}

/// A hub whose subscribers follow a party. A fact does not name the parties of its order, so the hub looks them up in the order's
/// document, once for all subscribers of this process, and again for later facts, because the courier changes. The fact of an
/// assignment reaches the new courier and the one before.
///
/// A subscriber gets a fact once the store has the order. While the store is unavailable, these subscribers wait, and the
/// subscribers of the [`Hub`] itself do not. The documents are verified, so a forged fact reveals no order to another party.
///
/// Each subscriber inspects every fact. Clones share the hub and what it has looked up.
#[derive(Clone)]
pub struct PartyHub {
    hub: Hub,
    documents: Arc<dyn OrderReader>,
    known: Arc<Mutex<Known>>,
}

impl PartyHub {
    /// A hub that looks the parties up in these documents.
    #[must_use]
    pub fn new(hub: Hub, documents: Arc<dyn OrderReader>) -> Self {
        Self { hub, documents, known: Arc::default() }
    }

    /// Like [`Hub::subscribe_from`], for the facts of the orders of a party. Without positions it starts now.
    ///
    /// # Errors
    /// As for [`Hub::subscribe_from`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn subscribe_from(
        &self,
        party: Party,
        from: &Positions,
    ) -> Result<PartySubscription, FeedError> {
        self.subscribe_any_from(vec![party], from).await
    }

    /// Like [`PartyHub::subscribe_from`], for the facts of the orders of any of these parties.
    ///
    /// # Errors
    /// As for [`Hub::subscribe_from`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn subscribe_any_from(
        &self,
        parties: Vec<Party>,
        from: &Positions,
    ) -> Result<PartySubscription, FeedError> {
        let facts = self.hub.subscribe_from(Filter::All, from).await?;
        Ok(PartySubscription { hub: self.clone(), parties, facts, pending: None })
    }

    /// Whether the order of this fact is an order of one of these parties. Waits for the order's document.
    async fn concerns(&self, own: &[Party], logged: &LoggedFact) -> bool {
        let concern =
            |known: &OrderParties| own.iter().any(|party| known.concern(party, logged.fact.version));
        let order_id = &logged.fact.order_id;
        let mut failures = 0;
        loop {
            let cell = self.known().cell(order_id);
            let mut known = cell.lock().await;
            if let Some(parties) = known.as_ref().filter(|parties| parties.cover(logged)) {
                return concern(parties);
            }
            let looked_up = self.look_up(logged).await;
            match looked_up {
                Ok(parties) => return concern(known.insert(parties)),
                Err(NoDocument::NoOrder) => return false,
                Err(NoDocument::Retry(reason)) => {
                    drop(known);
                    let delay = self.hub.options.retry_delay(failures);
                    failures += 1;
                    let (partition, retry_in_ms) = (logged.partition.0, delay.as_millis());
                    tracing::debug!(partition, %order_id, %reason, retry_in_ms, "no document of an order; retrying");
                    sleep(delay).await;
                }
            }
        }
    }

    /// The parties of an order, at least up to this fact.
    async fn look_up(&self, logged: &LoggedFact) -> Result<OrderParties, NoDocument> {
        let parties = self.read_document(logged).await?;
        if parties.cover(logged) {
            return Ok(parties);
        }
        let checkpoint = self.documents.checkpoint(logged.partition).await;
        match checkpoint.map_err(|error| NoDocument::Retry(error.to_string()))? {
            // The store has everything before the checkpoint. A fact there that the document lacks is forged.
            Some(checkpoint) if checkpoint.offset > logged.offset => {
                let parties = self.read_document(logged).await?;
                if parties.cover(logged) { Ok(parties) } else { Err(NoDocument::NoOrder) }
            }
            _ => Err(NoDocument::Retry("the store is behind the log".to_owned())),
        }
    }

    async fn read_document(&self, logged: &LoggedFact) -> Result<OrderParties, NoDocument> {
        let retry = |reason: String| NoDocument::Retry(reason);
        let found = self.documents.document(&logged.fact.order_id).await;
        match found.map_err(|error| retry(error.to_string()))? {
            DocumentLookup::Found(json) => {
                let order = Order::from_document(&json).map_err(|error| retry(error.to_string()))?;
                Ok(OrderParties::of(&order))
            }
            // Every input before the fact is answered, and none of them placed the order: the fact is forged.
            DocumentLookup::Absent { answered } if answered > logged.offset => Err(NoDocument::NoOrder),
            DocumentLookup::Absent { .. } => Err(retry("the store is behind the log".to_owned())),
            DocumentLookup::Missing | DocumentLookup::Unknown => {
                Err(retry("the store is being rebuilt".to_owned()))
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PartyHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartyHub").field("hub", &self.hub).finish_non_exhaustive()
    }
}

enum NoDocument {
    NoOrder,
    Retry(String),
}

/// The parties of an order, as its document had them at a version. The courier changes.
struct OrderParties {
    version: Version,
    customer: Option<PartyId>,
    merchant: Option<PartyId>,
    /// The couriers, each from the version of its fact on.
    couriers: Vec<(Version, Option<PartyId>)>,
}

impl OrderParties {
    fn of(order: &Order) -> Self {
        let Placement { customer_id, merchant_id, courier_id, .. } = order.placement();
        let assigned = order
            .history
            .iter()
            .filter_map(|entry| Some((entry.version, entry.assignment.as_ref()?.courier_id.clone())));
        let couriers = std::iter::once((Version(0), courier_id)).chain(assigned).collect();
        Self { version: order.version, customer: customer_id, merchant: merchant_id, couriers }
    }

    /// Whether they tell the parties at this fact. A fact is no source for a courier, because anything can forge one.
    fn cover(&self, logged: &LoggedFact) -> bool {
        let fact = &logged.fact;
        let assigns = matches!(fact.change, Change::Assigned { .. });
        fact.version <= self.version || (fact.version == self.version.next() && !assigns)
    }

    /// Whether the fact of this version concerns the party. An assignment concerns the courier before it too.
    fn concern(&self, party: &Party, version: Version) -> bool {
        let id = Some(&party.id);
        match party.role {
            Actor::Customer => self.customer.as_ref() == id,
            Actor::Merchant => self.merchant.as_ref() == id,
            Actor::Courier => {
                let until = self.couriers.partition_point(|(from, _)| *from <= version);
                let changed =
                    self.couriers.get(until.wrapping_sub(1)).is_some_and(|(from, _)| *from == version);
                let count = if changed { 2 } else { 1 };
                self.couriers[..until].iter().rev().take(count).any(|(_, courier)| courier.as_ref() == id)
            }
            Actor::Operator | Actor::System => false,
        }
    }
}

type Cell = Arc<tokio::sync::Mutex<Option<OrderParties>>>;

/// The parties of the orders that were looked up last.
#[derive(Default)]
struct Known {
    recent: HashMap<OrderId, Cell>,
    older: HashMap<OrderId, Cell>,
}

impl Known {
    fn cell(&mut self, order_id: &OrderId) -> Cell {
        if let Some(cell) = self.recent.get(order_id) {
            return cell.clone();
        }
        let cell = self.older.remove(order_id).unwrap_or_default();
        if self.recent.len() == PARTIES_KEPT_MIN {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(order_id.clone(), cell.clone());
        cell
    }
}

/// The facts of the orders of one or several parties of a subscriber, in the order that [`Subscription`] has. Dropping it ends the subscription.
#[must_use = "a subscription that is dropped ends"]
pub struct PartySubscription {
    hub: PartyHub,
    parties: Vec<Party>,
    facts: Subscription,
    /// The next fact, whose parties are not known yet.
    pending: Option<Arc<LoggedFact>>,
}

impl PartySubscription {
    /// The next event; `None` behind [`FeedEvent::Lagged`] and [`FeedEvent::Closed`]. Can be cancelled: the next call
    /// continues.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        loop {
            let logged = match &self.pending {
                Some(logged) => logged.clone(),
                None => match self.facts.next().await? {
                    FeedEvent::Fact(logged) => self.pending.insert(logged).clone(),
                    event => return Some(event),
                },
            };
            let concerns = tokio::select! {
                biased;
                () = self.hub.hub.closed.cancelled() => false,
                concerns = self.hub.concerns(&self.parties, &logged) => concerns,
            };
            self.pending = None;
            if concerns {
                return Some(FeedEvent::Fact(logged));
            }
        }
    }

    /// The positions behind the facts that were yielded or concern other parties. A later
    /// [`PartyHub::subscribe_from`] continues with the next facts.
    #[must_use]
    pub fn positions(&self) -> Positions {
        let mut positions = self.facts.positions().clone();
        if let Some(logged) = &self.pending {
            positions.insert(logged.partition, logged.offset);
        }
        positions
    }
}

impl fmt::Debug for PartySubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartySubscription")
            .field("parties", &self.parties)
            .field("positions", &self.positions())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orders_of_the_latest_lookups_are_kept_and_older_ones_are_removed() {
        let (mut known, id) = (Known::default(), |n: usize| OrderId::parse(&format!("order-{n}")).unwrap());
        let first = known.cell(&id(0));
        (1..=PARTIES_KEPT_MIN).for_each(|n| drop(known.cell(&id(n))));
        assert!(Arc::ptr_eq(&first, &known.cell(&id(0))), "used again, so it is recent again");
        (0..3 * PARTIES_KEPT_MIN).for_each(|n| drop(known.cell(&id(1_000_000 + n))));
        assert!(known.recent.len() + known.older.len() <= 2 * PARTIES_KEPT_MIN);
        assert!(!Arc::ptr_eq(&first, &known.cell(&id(0))));
    }
}
