//! Dwell times and deadlines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::lifecycle::{STATUSES, Status, Timer};

/// What causes the transitions towards DELIVERED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The clock causes each transition after the dwell time.
    Simulate,
    /// Requests cause each transition.
    Manual,
}

/// The effect of a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadlineKind {
    /// The order makes the next transition towards DELIVERED.
    Advance,
    /// The merchant did not accept or reject: the order becomes EXPIRED.
    Expire,
    /// No further delivery attempt was made: the order becomes RETURNED.
    Return,
    /// The order is late: a fact of the same status records it, once per status.
    Late,
}

impl DeadlineKind {
    /// The kind as text, in lower case. It never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DeadlineKind::Advance => "advance",
            DeadlineKind::Expire => "expire",
            DeadlineKind::Return => "return",
            DeadlineKind::Late => "late",
        }
    }
}

/// The time at which an order moves or becomes late without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Deadline {
    /// When the deadline is due.
    pub at: Timestamp,
    /// What the deadline does.
    pub kind: DeadlineKind,
}

/// Dwell times, deadlines and delivery attempts. A fact carries its deadline, so a changed policy applies to later facts
/// only.
///
/// A policy starts from [`Policy::manual`] or [`Policy::simulate`], and its fields are public:
///
/// ```
/// use logistics_core::{Policy, Status};
///
/// let mut policy = Policy::manual();
/// policy.accept_ms = 5 * 60 * 1000;
/// policy.late_ms.insert(Status::Preparing, 45 * 60 * 1000);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Policy {
    /// What causes the transitions towards DELIVERED.
    pub mode: Mode,
    /// Milliseconds in a status before the next transition, with [`Mode::Simulate`]. May be 0.
    pub dwell_ms: u64,
    /// Exceptions from `dwell_ms`, by status.
    pub dwell_by_status_ms: BTreeMap<Status, u64>,
    /// Milliseconds after which a PLACED order becomes EXPIRED.
    pub accept_ms: u64,
    /// Milliseconds after which an order in DELIVERY_FAILED becomes RETURNED.
    pub return_ms: u64,
    /// Milliseconds after which an order that is still in the status is late.
    pub late_ms: BTreeMap<Status, u64>,
    /// Delivery attempts per order, including the first; at least 1.
    pub max_delivery_attempts: u32,
}

const MINUTE_MS: u64 = 60 * 1000;

// No `Default`: a policy that moves orders by the clock must be chosen by name.
impl Policy {
    /// Requests cause every transition. Deadlines: accept 10 min, return 24 h, late after 10 min (CONFIRMED),
    /// 30 min (PREPARING), 15 min (READY_FOR_PICKUP) and 60 min (OUT_FOR_DELIVERY); 3 delivery attempts.
    #[must_use]
    pub fn manual() -> Self {
        Self {
            mode: Mode::Manual,
            dwell_ms: 0,
            dwell_by_status_ms: BTreeMap::new(),
            accept_ms: 10 * MINUTE_MS,
            return_ms: 24 * 60 * MINUTE_MS,
            late_ms: STATUSES
                .into_iter()
                .filter_map(|status| Some((status, default_late_ms(status)?)))
                .collect(),
            max_delivery_attempts: 3,
        }
    }

    /// The clock moves every order to DELIVERED, one transition per `dwell_ms`. For demonstrations and tests: no merchant
    /// or courier takes part. The deadlines are those of [`Policy::manual`].
    #[must_use]
    pub fn simulate(dwell_ms: u64) -> Self {
        Self { mode: Mode::Simulate, dwell_ms, ..Self::manual() }
    }

    /// The next deadline of an order that entered `status` at `since`: the earliest that applies. Of two at the same time,
    /// the one that moves the order forward wins. `late`: a fact has already recorded that the order is late in this status.
    #[must_use]
    pub fn deadline(&self, status: Status, since: Timestamp, late: bool) -> Option<Deadline> {
        let at = |kind, ms: u64| Deadline { at: since.after_millis(ms), kind };
        let advance = (self.mode == Mode::Simulate && status.moved_by(Timer::Dwell).is_some()).then(|| {
            let dwell_ms = self.dwell_by_status_ms.get(&status).copied().unwrap_or(self.dwell_ms);
            at(DeadlineKind::Advance, dwell_ms)
        });
        let expire = status.moved_by(Timer::Accept).map(|_| at(DeadlineKind::Expire, self.accept_ms));
        let back = status.moved_by(Timer::Return).map(|_| at(DeadlineKind::Return, self.return_ms));
        let tardy = if late || status.is_terminal() { None } else { self.late_ms.get(&status) };
        let tardy = tardy.map(|ms| at(DeadlineKind::Late, *ms));
        [advance, expire, back, tardy]
            .into_iter()
            .flatten()
            .min_by_key(|deadline| (deadline.at, deadline.kind))
    }
}

/// Milliseconds after which an order in the status is late by default; `None`: never.
fn default_late_ms(status: Status) -> Option<u64> {
    match status {
        Status::Confirmed => Some(10 * MINUTE_MS),
        Status::Preparing => Some(30 * MINUTE_MS),
        Status::ReadyForPickup => Some(15 * MINUTE_MS),
        Status::OutForDelivery => Some(60 * MINUTE_MS),
        // The accept and the return deadline end these two.
        Status::Placed | Status::DeliveryFailed => None,
        Status::Delivered | Status::Returned | Status::Rejected | Status::Expired | Status::Cancelled => None,
        #[cfg(feature = "knows-lost")]
        Status::Lost => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_order_has_no_deadline_whatever_the_policy() {
        let mut policy = Policy::simulate(0);
        policy.late_ms = STATUSES.into_iter().map(|status| (status, 1)).collect();
        for status in STATUSES.into_iter().filter(|status| status.is_terminal()) {
            assert_eq!(policy.deadline(status, Timestamp::default(), false), None);
        }
    }

    #[test]
    fn the_earliest_deadline_wins() {
        let since = Timestamp::from_millis(1000);
        let kind = |policy: &Policy, status, late| policy.deadline(status, since, late).map(|d| d.kind);
        assert_eq!(kind(&Policy::simulate(5), Status::Placed, false), Some(DeadlineKind::Advance));
        assert_eq!(kind(&Policy::simulate(u64::MAX), Status::Placed, false), Some(DeadlineKind::Expire));
        assert_eq!(kind(&Policy::manual(), Status::Preparing, false), Some(DeadlineKind::Late));
        assert_eq!(kind(&Policy::manual(), Status::Preparing, true), None);
        assert_eq!(kind(&Policy::simulate(u64::MAX), Status::Preparing, true), Some(DeadlineKind::Advance));
        assert_eq!(kind(&Policy::manual(), Status::DeliveryFailed, false), Some(DeadlineKind::Return));
    }
}
