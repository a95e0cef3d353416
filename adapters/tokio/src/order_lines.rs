//! Which orders have log lines.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use logistics_core::OrderId;

/// The orders whose events are logged: all, none, or a share of them. An order has all its lines or none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderLines {
    /// The share, 0 to 1.
    share: f64,
}

/// A text names no share of the orders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither `all` nor `none` nor a number from 0 to 1")]
pub struct InvalidOrderLines(String);

impl OrderLines {
    /// Every order.
    pub const ALL: Self = Self { share: 1.0 };
    /// No order.
    pub const NONE: Self = Self { share: 0.0 };

    /// Whether any order is logged.
    #[must_use]
    pub fn any(self) -> bool {
        self.share > 0.0
    }

    /// Whether this order is logged. Every process of a release answers alike.
    #[must_use]
    pub fn has(self, order_id: &OrderId) -> bool {
        if self.share >= 1.0 {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        order_id.hash(&mut hasher);
        // The upper 53 bits are exactly a float.
        #[allow(clippy::cast_precision_loss)]
        let place = (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64;
        place < self.share
    }
}

impl Default for OrderLines {
    /// All orders.
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for OrderLines {
    type Err = InvalidOrderLines;

    fn from_str(text: &str) -> Result<Self, InvalidOrderLines> {
        match text {
            "all" => return Ok(Self::ALL),
            "none" => return Ok(Self::NONE),
            _ => {}
        }
        let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
        share.map(|share| Self { share }).ok_or_else(|| InvalidOrderLines(text.to_owned()))
    }
}

impl fmt::Display for OrderLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.share {
            share if share >= 1.0 => f.write_str("all"),
            share if share <= 0.0 => f.write_str("none"),
            share => share.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_orders_has_lines() {
        let lines: OrderLines = "0.25".parse().expect("a share");
        let ids = (0..4000).map(|n| OrderId::parse(&format!("order-{n}")).expect("an id"));
        let logged = ids.filter(|id| lines.has(id)).count();
        assert!((800..1200).contains(&logged), "{logged}");
    }

    #[test]
    fn all_and_none_are_shares() {
        let id = OrderId::parse("order").expect("an id");
        for (text, all) in [("all", true), ("1", true), ("none", false), ("0", false)] {
            let lines: OrderLines = text.parse().expect("a share");
            assert_eq!((lines.has(&id), lines.any()), (all, all), "{text}");
            assert_eq!(lines.to_string(), if all { "all" } else { "none" });
        }
        for text in ["", "some", "2", "-1", "NaN"] {
            assert!(text.parse::<OrderLines>().is_err(), "{text}");
        }
    }
}
