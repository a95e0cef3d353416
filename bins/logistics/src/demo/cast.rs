//! Who plays: orders that could be real, and what becomes of each.

use logistics_core::{Actor, Status};
use serde_json::{Value, json};

use super::script::Beat::{self, Asks, AsksInVain, Comes};

/// An order of the demo, with the people around it.
#[derive(Debug)]
pub(super) struct Role {
    /// What it is, in a word; unique.
    pub(super) title: &'static str,
    pub(super) emoji: &'static str,
    /// Unique, so that a fact can be told whose it is.
    pub(super) customer: &'static str,
    pub(super) merchant: &'static str,
    pub(super) courier: &'static str,
    items: &'static [(&'static str, u32)],
    address: &'static str,
    total_cents: u32,
    /// What happens after it was placed.
    pub(super) script: &'static [Beat],
}

impl Role {
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

const fn asks(actor: Actor, to: Status) -> Beat {
    Asks { actor, to, reason: None }
}

const ACCEPTED: Beat = asks(Actor::Merchant, Status::Confirmed);
const COOKING: Beat = Comes(Status::Preparing);
const ON_ITS_WAY: Beat = Comes(Status::OutForDelivery);
const HANDED_OVER: Beat = asks(Actor::Courier, Status::Delivered);
const NOBODY_HOME: Beat =
    Asks { actor: Actor::Courier, to: Status::DeliveryFailed, reason: Some("nobody at home") };

const STRAIGHT: &[Beat] = &[ACCEPTED, COOKING, ON_ITS_WAY, HANDED_OVER];
const TOO_LATE_TO_CANCEL: &[Beat] = &[
    ACCEPTED,
    COOKING,
    ON_ITS_WAY,
    AsksInVain { actor: Actor::Customer, to: Status::Cancelled },
    HANDED_OVER,
];
const SECOND_ATTEMPT: &[Beat] =
    &[ACCEPTED, COOKING, ON_ITS_WAY, NOBODY_HOME, asks(Actor::Courier, Status::OutForDelivery), HANDED_OVER];
const CALLED_OFF: &[Beat] =
    &[Asks { actor: Actor::Customer, to: Status::Cancelled, reason: Some("found some at home") }];
const SOLD_OUT: &[Beat] =
    &[Asks { actor: Actor::Merchant, to: Status::Rejected, reason: Some("sold out in this size") }];
const SENT_BACK: &[Beat] = &[
    ACCEPTED,
    COOKING,
    ON_ITS_WAY,
    NOBODY_HOME,
    Asks { actor: Actor::Courier, to: Status::Returned, reason: Some("moved away") },
];

/// Everybody, in the order in which they come on.
pub(super) const CAST: &[Role] = &[
    Role {
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
    Role {
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
    Role {
        title: "pharmacy",
        emoji: "💊",
        customer: "sofia",
        merchant: "city-pharmacy",
        courier: "jonas",
        items: &[("Plasters", 2), ("Vitamin C", 1)],
        address: "87 Mill Road",
        total_cents: 1195,
        script: CALLED_OFF,
    },
    Role {
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
    Role {
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
    Role {
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
    Role {
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
    Role {
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
        for role in CAST {
            let path = path(role.script);
            assert!(path.windows(2).all(|step| transition(Some(step[0]), step[1]).is_some()), "{path:?}");
            assert!(path.last().is_some_and(|last| last.is_terminal()), "{path:?}");
        }
    }

    #[test]
    fn everybody_can_be_told_apart() {
        assert_eq!(CAST.iter().map(|role| role.customer).collect::<BTreeSet<_>>().len(), CAST.len());
        assert_eq!(CAST.iter().map(|role| role.title).collect::<BTreeSet<_>>().len(), CAST.len());
    }

    #[test]
    fn the_smallest_demo_has_a_side_path_and_a_refusal() {
        let smallest = &CAST[..usize::from(super::super::ORDERS_MIN)];
        assert!(smallest.iter().any(|role| path(role.script).contains(&Status::DeliveryFailed)));
        assert!(smallest.iter().any(|role| role.script.iter().any(|beat| matches!(beat, AsksInVain { .. }))));
    }
}
