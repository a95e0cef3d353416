//! What time does to an order: dwell and deadlines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::Timestamp;
use crate::lifecycle::{Clock, STATUSES, Status};

/// How steps towards DELIVERED come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each step happens by itself after `dwell`.
    Simulate,
    /// Steps come from requests.
    Manual,
}

/// What a deadline does when it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeadlineKind {
    /// The order takes the next step towards DELIVERED.
    Advance,
    /// Nobody accepted it: it becomes EXPIRED.
    Expire,
    /// Nobody tried again: it becomes RETURNED.
    Return,
    /// It is late: a fact of the same status says so, once a status.
    Late,
}

/// When an order moves or is late by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Deadline {
    /// The moment.
    pub at: Timestamp,
    /// What happens then.
    pub kind: DeadlineKind,
}

/// What time does. A fact carries the deadline that the policy of its day gave it, so a changed policy holds for later
/// facts only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    /// How steps towards DELIVERED come about.
    pub mode: Mode,
    /// Milliseconds in a status before the next step, where the mode simulates; 0 allowed.
    pub dwell_ms: u64,
    /// Exceptions from `dwell_ms`, by status.
    pub dwell_by_status_ms: BTreeMap<Status, u64>,
    /// Milliseconds after which an order that no merchant accepted becomes EXPIRED.
    pub accept_ms: u64,
    /// Milliseconds after which an order whose delivery failed becomes RETURNED.
    pub return_ms: u64,
    /// Milliseconds after which an order that is still in the status is late.
    pub late_ms: BTreeMap<Status, u64>,
    /// How often an order may go out for delivery, the first time included; at least 1.
    pub max_delivery_attempts: u32,
}

const MINUTE_MS: u64 = 60 * 1000;

/// There is no default: a policy that moves orders by the clock is always chosen by name.
impl Policy {
    /// Steps come from requests only. Deadlines: accept 10 min, return 24 h, late after 10 min (CONFIRMED),
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

    /// The clock moves every order to DELIVERED, one step after each `dwell_ms`. For demonstrations and tests: no merchant
    /// or courier takes part. The deadlines are those of [`Policy::manual`].
    #[must_use]
    pub fn simulate(dwell_ms: u64) -> Self {
        Self { mode: Mode::Simulate, dwell_ms, ..Self::manual() }
    }

    /// The next thing that time does to an order that entered `status` at `since`: the earliest of what applies, and of
    /// two at the same moment the one that moves it forward. `late`: it was already said to be late in this status.
    #[must_use]
    pub fn deadline(&self, status: Status, since: Timestamp, late: bool) -> Option<Deadline> {
        let at = |kind, ms: u64| Deadline { at: since.after_millis(ms), kind };
        let advance = (self.mode == Mode::Simulate && status.moved_by(Clock::Dwell).is_some()).then(|| {
            let dwell_ms = self.dwell_by_status_ms.get(&status).copied().unwrap_or(self.dwell_ms);
            at(DeadlineKind::Advance, dwell_ms)
        });
        let expire = status.moved_by(Clock::Accept).map(|_| at(DeadlineKind::Expire, self.accept_ms));
        let back = status.moved_by(Clock::Return).map(|_| at(DeadlineKind::Return, self.return_ms));
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
