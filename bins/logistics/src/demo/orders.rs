//! The example orders and their scripts.

use logistics_core::{Actor, Status};
use serde_json::{Value, json};

use super::script::Action::{self, Automatic, Request, RequestRejected};

/// An example order with its parties.
#[derive(Debug)]
pub(super) struct DemoOrder {
    /// A unique name.
    pub(super) title: &'static str,
    pub(super) emoji: &'static str,
    /// Unique: it identifies the example order of a fact.
    pub(super) customer: &'static str,
    pub(super) merchant: &'static str,
    pub(super) courier: &'static str,
    items: &'static [(&'static str, u32)],
    address: &'static str,
    total_cents: u32,
    /// The actions after the placement.
    pub(super) script: &'static [Action],
}

impl DemoOrder {
    /// The body of its placement.
    pub(super) fn placement(&self) -> Value {
        let items: Vec<_> =
            self.items.iter().map(|(name, count)| json!({ "name": name, "count": count })).collect();
        json!({
            "customer_id": self.customer,
            "merchant_id": self.merchant,
            "courier_id": self.courier,
            "details": { "items": items, "address": self.address, "total_cents": self.total_cents },
        })
    }
}

const fn request(actor: Actor, to: Status) -> Action {
    Request { actor, to, reason: None }
}

const ACCEPTED: Action = request(Actor::Merchant, Status::Confirmed);
const COOKING: Action = Automatic(Status::Preparing);
const ON_ITS_WAY: Action = Automatic(Status::OutForDelivery);
const HANDED_OVER: Action = request(Actor::Courier, Status::Delivered);
const DELIVERY_FAILS: Action =
    Request { actor: Actor::Courier, to: Status::DeliveryFailed, reason: Some("no one at home") };

const STRAIGHT: &[Action] = &[ACCEPTED, COOKING, ON_ITS_WAY, HANDED_OVER];
const TOO_LATE_TO_CANCEL: &[Action] = &[
    ACCEPTED,
    COOKING,
    ON_ITS_WAY,
    RequestRejected { actor: Actor::Customer, to: Status::Cancelled },
    HANDED_OVER,
];
const SECOND_ATTEMPT: &[Action] = &[
    ACCEPTED,
    COOKING,
    ON_ITS_WAY,
    DELIVERY_FAILS,
    request(Actor::Courier, Status::OutForDelivery),
    HANDED_OVER,
];
const CANCELLED_AT_ONCE: &[Action] =
    &[Request { actor: Actor::Customer, to: Status::Cancelled, reason: Some("found some at home") }];
const SOLD_OUT: &[Action] =
    &[Request { actor: Actor::Merchant, to: Status::Rejected, reason: Some("sold out in this size") }];
const SENT_BACK: &[Action] = &[
    ACCEPTED,
    COOKING,
    ON_ITS_WAY,
    DELIVERY_FAILS,
    Request { actor: Actor::Courier, to: Status::Returned, reason: Some("moved away") },
];

/// The example orders, in the order of their placement.
pub(super) const DEMO_ORDERS: &[DemoOrder] = &[
    DemoOrder {
        title: "pizza",
        emoji: "🍕",
        customer: "maria",
        merchant: "trattoria-roma",
        courier: "jonas",
        items: &[("Pizza Margherita", 2), ("Tiramisu", 1)],
        address: "12 Elm Street",
        total_cents: 2890,
        script: TOO_LATE_TO_CANCEL,
    },
    DemoOrder {
        title: "flowers",
        emoji: "💐",
        customer: "amir",
        merchant: "bloom-and-co",
        courier: "lucia",
        items: &[("Peonies, a dozen", 1)],
        address: "4 Harbour Lane",
        total_cents: 3400,
        script: SECOND_ATTEMPT,
    },
    DemoOrder {
        title: "pharmacy",
        emoji: "💊",
        customer: "sofia",
        merchant: "city-pharmacy",
        courier: "jonas",
        items: &[("Plasters", 2), ("Vitamin C", 1)],
        address: "87 Mill Road",
        total_cents: 1195,
        script: CANCELLED_AT_ONCE,
    },
    DemoOrder {
        title: "groceries",
        emoji: "🥕",
        customer: "chen",
        merchant: "corner-market",
        courier: "noah",
        items: &[("Carrots, 1 kg", 1), ("Oat milk", 3), ("Bread", 1)],
        address: "31 Station Square",
        total_cents: 1740,
        script: STRAIGHT,
    },
    DemoOrder {
        title: "sneakers",
        emoji: "👟",
        customer: "fatou",
        merchant: "runners-world",
        courier: "lucia",
        items: &[("Trail shoes, size 39", 1)],
        address: "5 Hill View",
        total_cents: 11_900,
        script: SOLD_OUT,
    },
    DemoOrder {
        title: "books",
        emoji: "📚",
        customer: "olga",
        merchant: "paper-moon",
        courier: "noah",
        items: &[("A field guide to birds", 1)],
        address: "9 Garden Court",
        total_cents: 2450,
        script: STRAIGHT,
    },
    DemoOrder {
        title: "lamp",
        emoji: "💡",
        customer: "diego",
        merchant: "bright-home",
        courier: "lucia",
        items: &[("Desk lamp", 1)],
        address: "60 Old Mill Lane",
        total_cents: 4999,
        script: SENT_BACK,
    },
    DemoOrder {
        title: "sushi",
        emoji: "🍣",
        customer: "yuki",
        merchant: "blue-fin",
        courier: "jonas",
        items: &[("Salmon nigiri", 8), ("Miso soup", 2)],
        address: "22 Canal Street",
        total_cents: 3310,
        script: STRAIGHT,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use logistics_core::lifecycle::transition;

    use super::super::script::path;
    use super::*;

    #[test]
    fn every_script_follows_the_lifecycle_to_an_end() {
        for demo_order in DEMO_ORDERS {
            let path = path(demo_order.script);
            assert!(path.windows(2).all(|step| transition(Some(step[0]), step[1]).is_some()), "{path:?}");
            assert!(path.last().is_some_and(|last| last.is_terminal()), "{path:?}");
        }
    }

    #[test]
    fn titles_and_customers_are_unique() {
        assert_eq!(
            DEMO_ORDERS.iter().map(|demo_order| demo_order.customer).collect::<BTreeSet<_>>().len(),
            DEMO_ORDERS.len()
        );
        assert_eq!(
            DEMO_ORDERS.iter().map(|demo_order| demo_order.title).collect::<BTreeSet<_>>().len(),
            DEMO_ORDERS.len()
        );
    }

    #[test]
    fn the_smallest_demo_has_a_failed_delivery_and_a_rejection() {
        let smallest = &DEMO_ORDERS[..usize::from(super::super::ORDERS_MIN)];
        assert!(smallest.iter().any(|demo_order| path(demo_order.script).contains(&Status::DeliveryFailed)));
        assert!(smallest.iter().any(|demo_order| {
            demo_order.script.iter().any(|action| matches!(action, RequestRejected { .. }))
        }));
    }
}
