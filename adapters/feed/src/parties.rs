//! The facts of the orders of one party.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::StreamExt;
use logistics_core::notify::Parties;
use logistics_core::port::{DocumentLookup, OrderReader};
use logistics_core::{Actor, Order, OrderId, PartyId, Placement};
use tokio::sync::OnceCell;
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
/// document, once for all subscribers of this process.
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
        let facts = self.hub.subscribe_from(Filter::All, from).await?;
        Ok(PartySubscription { hub: self.clone(), party, facts, pending: None })
    }

    /// Whether the order of this fact is an order of the party. Waits for the order's document.
    async fn concerns(&self, party: &Party, logged: &LoggedFact) -> bool {
        let order_id = &logged.fact.order_id;
        let mut failures = 0;
        loop {
            let cell = self.known().cell(order_id);
            match cell.get_or_try_init(|| self.look_up(logged)).await {
                Ok(placement) => return Parties::from(placement).id(party.role) == Some(&party.id),
                Err(NoDocument::NoOrder) => return false,
                Err(NoDocument::Retry(reason)) => {
                    let delay = self.hub.options.retry_delay(failures);
                    failures += 1;
                    let (partition, retry_in_ms) = (logged.partition.0, delay.as_millis());
                    tracing::debug!(partition, %order_id, %reason, retry_in_ms, "no document of an order; retrying");
                    sleep(delay).await;
                }
            }
        }
    }

    /// The parties of an order, as its placement has them.
    async fn look_up(&self, logged: &LoggedFact) -> Result<Placement, NoDocument> {
        let retry = |reason: String| NoDocument::Retry(reason);
        let found = self.documents.document(&logged.fact.order_id).await;
        match found.map_err(|error| retry(error.to_string()))? {
            DocumentLookup::Found(json) => {
                let order = Order::from_document(&json).map_err(|error| retry(error.to_string()))?;
                let mut placement = Placement::new();
                (placement.customer_id, placement.merchant_id, placement.courier_id) =
                    (order.customer_id, order.merchant_id, order.courier_id);
                Ok(placement)
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

/// The parties of the orders that were looked up last. The parties of an order do not change.
#[derive(Default)]
struct Known {
    recent: HashMap<OrderId, Arc<OnceCell<Placement>>>,
    older: HashMap<OrderId, Arc<OnceCell<Placement>>>,
}

impl Known {
    fn cell(&mut self, order_id: &OrderId) -> Arc<OnceCell<Placement>> {
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

/// The facts of the orders of one party, in the order that [`Subscription`] has. Dropping it ends the subscription.
#[must_use = "a subscription that is dropped ends"]
pub struct PartySubscription {
    hub: PartyHub,
    party: Party,
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
                concerns = self.hub.concerns(&self.party, &logged) => concerns,
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
            .field("party", &self.party)
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
