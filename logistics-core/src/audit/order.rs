//! One order under audit: the fold of its facts, its document and its notifications.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::inputs::Asked;
use super::violation::{Broken, Invariant};
use super::{Expect, Report};
use crate::details::Details;
use crate::fact::{Assignment, Cause, Change, Fact};
use crate::ids::{PartyId, Timestamp, Version};
use crate::lifecycle::{Actor, Status, assigners, transition};
use crate::notify::Notification;
use crate::order::{Order, evolve};
use crate::port::PartyRole;
use crate::rejection::Rejection;

/// A few hundred bytes an order, so that a million of them fit: a terminal order's fold is dropped, and of each document
/// that the order ever had only a fingerprint is kept.
#[derive(Debug, Default)]
pub(super) struct OrderAudit {
    fold: Option<Box<Order>>,
    status: Option<Status>,
    version: Version,
    due: Option<Timestamp>,
    /// Of the party in each of [`PartyRole::ALL`].
    parties: [u64; PartyRole::ALL.len()],
    /// Of the document after each fact.
    documents: Vec<u64>,
    /// Of the record of each fact.
    records: Vec<u64>,
    /// The version at the store's checkpoint.
    checkpointed: Version,
    /// Hash of the notifications that the facts imply, in order.
    to_notify: u64,
    /// Hash of the notifications that were read.
    notified: u64,
    notified_version: Version,
    stored: Option<Stored>,
    timer: Option<Timestamp>,
}

const NO_PARTY: Option<&PartyId> = None;

/// What the store holds.
#[derive(Debug, Clone, Copy)]
struct Stored {
    version: Version,
    fingerprint: u64,
}

impl OrderAudit {
    /// The fact is the next one of the order.
    pub(super) fn check_next(&self, fact: &Fact) -> Result<(), Broken> {
        if fact.version != self.version.next() {
            let (found, expected) = (fact.version, self.version.next());
            let placed_again = matches!(fact.change, Change::Placed(_)) && self.version >= Version(1);
            let invariant = if placed_again { Invariant::I11 } else { Invariant::I1 };
            let what = if placed_again { "a second placement" } else { "a fact" };
            return Err(Broken::new(
                invariant,
                format!("{what} has version {found}, the order's next is {expected}"),
            ));
        }
        Ok(())
    }

    /// Whether the order has a fact of this version whose record has the same bytes.
    pub(super) fn has_record(&self, version: Version, payload: &[u8]) -> bool {
        let index = usize::try_from(version.0).unwrap_or(usize::MAX).wrapping_sub(1);
        self.records.get(index) == Some(&fingerprint(payload))
    }

    pub(super) fn fact(
        &mut self,
        fact: &Fact,
        payload: &[u8],
        before_checkpoint: bool,
    ) -> Result<(), Broken> {
        self.check_next(fact)?;
        self.check_step(fact)?;
        let order = evolve(self.fold.take().map(|order| *order), fact)
            .map_err(|gap| Broken::new(Invariant::I1, gap.to_string()))?;
        let order = without_details(order);
        self.documents.push(fingerprint_of(&order));
        self.records.push(fingerprint(payload));
        let late = fact.change == Change::Late;
        let assignment = order.history.last().and_then(|entry| entry.assignment.as_ref());
        let revoked = fact.change == Change::TrackingRevoked;
        let change = (late, assignment, revoked);
        self.to_notify = notification_hash(self.to_notify, fact.version, fact.status, change, fact.at);
        (self.version, self.status, self.due) = (order.version, Some(order.status), order.due());
        self.parties = PartyRole::ALL.map(|role| fingerprint(&order.party(role.actor())));
        if before_checkpoint {
            self.checkpointed = self.version;
        }
        if !order.status.is_terminal() || !order.status.is_reachable() {
            self.fold = Some(Box::new(order));
        }
        Ok(())
    }

    /// The transition is in the table, its actor is allowed, and its time is right.
    fn check_step(&self, fact: &Fact) -> Result<(), Broken> {
        let broken = |found: String| Err(Broken::new(Invariant::Lifecycle, found));
        let (from, to) = (self.status, fact.status);
        let Some(order) = self.fold.as_deref() else {
            return match (from, &fact.change) {
                (Some(terminal), _) => broken(format!("a fact follows {terminal}, which is terminal")),
                (None, Change::Placed(_)) => check_row(None, fact),
                (None, _) => broken(format!("the first fact is {to} and no placement")),
            };
        };
        if fact.at < order.updated_at {
            return broken(format!(
                "{to} happened at {}, before {} at {}",
                fact.at, order.status, order.updated_at
            ));
        }
        match &fact.change {
            Change::Placed(_) => {
                return Err(Broken::new(Invariant::I11, "the order is placed a second time"));
            }
            Change::Moved => check_row(from, fact)?,
            Change::Late if to != order.status || order.late => {
                return broken(format!(
                    "it is late in {to} while it is {}, late already: {}",
                    order.status, order.late
                ));
            }
            Change::Late => {}
            Change::Assigned { courier_id } => check_assignment(order, courier_id.as_ref(), fact)?,
            Change::TrackingRevoked => check_revocation(order, fact)?,
        }
        if fact.change == Change::Moved && to == Status::OutForDelivery && order.attempts_left == Some(0) {
            return broken(format!(
                "it goes out again after {} attempts, which were all",
                order.delivery_attempts
            ));
        }
        let Cause::Timer { timer, .. } = &fact.cause else { return Ok(()) };
        match order.deadline {
            Some(deadline) if deadline.kind == *timer && deadline.at <= fact.at => Ok(()),
            deadline => Err(Broken::new(
                Invariant::I12,
                format!("a {timer:?} timer fired at {}, the deadline was {deadline:?}", fact.at),
            )),
        }
    }

    /// The request reaches the order, if there is one: it names no party, or the order's.
    pub(super) fn check_reached(&self, asked: Option<&Asked>) -> Result<(), Broken> {
        if self.status.is_none() || self.is_reached(asked) {
            return Ok(());
        }
        Err(Broken::new(Invariant::Lifecycle, "a request of a party that is not the order's moved it"))
    }

    fn is_reached(&self, asked: Option<&Asked>) -> bool {
        let Some((role, party)) = asked.and_then(|asked| asked.party.as_ref()) else { return true };
        let Some(index) = PartyRole::ALL.iter().position(|party| party.actor() == *role) else {
            return false;
        };
        // An order without a courier is open to the claims of every courier.
        let claim =
            asked.is_some_and(Asked::is_of_a_courier) && self.parties[index] == fingerprint(&NO_PARTY);
        claim || self.parties[index] == fingerprint(&Some(party))
    }

    /// The rejection fits the state that the order has at this place of the log.
    pub(super) fn rejected(&self, rejection: &Rejection, asked: Option<&Asked>) -> Result<(), Broken> {
        let fits = match rejection {
            // A courier's request about an order without a courier is decided by its content, which is not kept here.
            Rejection::NotFound => {
                self.status.is_none() || !self.is_reached(asked) || asked.is_some_and(Asked::is_of_a_courier)
            }
            Rejection::PlacementNotPermitted { .. } => self.status.is_none(),
            Rejection::IllegalTransition { current, .. }
            | Rejection::NotPermitted { current, .. }
            | Rejection::AssignmentNotPermitted { current, .. }
            | Rejection::TrackingNotRevocable { current } => self.status == Some(*current),
            Rejection::StaleVersion { current, .. } => self.version == *current,
            Rejection::IdConflict => self.status.is_some(),
            Rejection::AttemptsExhausted { .. } => self.status == Some(Status::DeliveryFailed),
        };
        if fits { Ok(()) } else { Err(self.decided_otherwise(&format!("the rejection \"{rejection}\""))) }
    }

    /// "It is so already" fits the state that the order has at this place of the log.
    pub(super) fn unchanged(&self, version: Version, status: Status) -> Result<(), Broken> {
        if (self.version, self.status) == (version, Some(status)) {
            return Ok(());
        }
        Err(self.decided_otherwise(&format!("\"unchanged\" at version {version}, {status}")))
    }

    fn decided_otherwise(&self, what: &str) -> Broken {
        let status = self.status.map_or("not there", Status::name);
        Broken::new(Invariant::I8, format!("{what}, while the order is {status} at version {}", self.version))
    }

    /// Notifications of an order come in the order of its versions. `truncated`: the first ones may be gone.
    pub(super) fn notified(&mut self, notification: &Notification, truncated: bool) -> Result<(), Broken> {
        let Notification { version, status, late, assignment, tracking_revoked, at, .. } = notification;
        let begins = truncated && self.notified_version == Version(0);
        if *version != self.notified_version.next() && !begins {
            let found =
                format!("a notification of version {version} follows that of {}", self.notified_version);
            return Err(Broken::new(Invariant::I9, found));
        }
        let change = (*late, assignment.as_ref(), *tracking_revoked);
        self.notified = notification_hash(self.notified, *version, *status, change, *at);
        self.notified_version = *version;
        Ok(())
    }

    pub(super) fn timer(&mut self, due: Timestamp) -> Result<(), Broken> {
        match self.timer.replace(due) {
            None => Ok(()),
            Some(other) => {
                Err(Broken::new(Invariant::I12, format!("it has two timers, due at {other} and at {due}")))
            }
        }
    }

    /// Adds a stored document; returns whether it is the first of this order.
    pub(super) fn document(&mut self, order: Order) -> bool {
        let version = order.version;
        let fingerprint = fingerprint_of(&without_details(order));
        // While orders move, one that is listed twice is newer the second time.
        self.stored.replace(Stored { version, fingerprint }).is_none()
    }

    /// What holds between log, notifications and store when all of it was read.
    pub(super) fn settle(&self, scope: Scope, report: &mut Report) -> Result<(), Broken> {
        self.settle_notifications(scope)?;
        if scope.store {
            self.settle_document(scope)?;
            self.settle_timer(scope)?;
        }
        if let Some(status) = self.status {
            report.orders += 1;
            report.terminal_orders += u64::from(status.is_terminal());
            *report.orders_by_status.entry(status).or_default() += 1;
        }
        Ok(())
    }

    fn settle_notifications(&self, scope: Scope) -> Result<(), Broken> {
        let (notified, facts) = (self.notified_version, self.version);
        let broken = |found: String| Err(Broken::new(Invariant::I9, found));
        if notified > facts {
            return broken(format!(
                "a notification has version {notified}, the last fact is version {facts}"
            ));
        }
        if scope.notifications_truncated {
            return Ok(());
        }
        if notified < facts && scope.expect.is_settled() {
            return broken(format!("version {} has a fact and no notification", notified.next()));
        }
        if notified == facts && self.notified != self.to_notify {
            return broken("a notification differs from its fact in status, lateness or time".to_owned());
        }
        Ok(())
    }

    fn settle_document(&self, scope: Scope) -> Result<(), Broken> {
        let at_rest = scope.expect.is_settled();
        let Some(stored) = self.stored else {
            let missing = at_rest && self.version > Version(0);
            let found = format!("the store has no document, the log has {} facts", self.version);
            return if missing { Err(Broken::new(Invariant::I10, found)) } else { Ok(()) };
        };
        let (stored_version, facts) = (stored.version, self.version);
        let index = usize::try_from(stored_version.0).unwrap_or(usize::MAX).wrapping_sub(1);
        let Some(expected) = self.documents.get(index) else {
            let found = format!("the document has version {stored_version}, the log has {facts} facts");
            return Err(Broken::new(Invariant::I6, found));
        };
        if *expected != stored.fingerprint {
            let found = format!("the document is not what the first {stored_version} facts make");
            return Err(Broken::new(Invariant::I6, found));
        }
        if at_rest && stored_version < facts {
            let found = format!("the document has version {stored_version}, the log has {facts} facts");
            return Err(Broken::new(Invariant::I10, found));
        }
        if stored_version < self.checkpointed {
            let found = format!(
                "the document has version {stored_version}, the log had {} facts at the checkpoint",
                self.checkpointed
            );
            return Err(Broken::new(Invariant::I6, found));
        }
        Ok(())
    }

    fn settle_timer(&self, scope: Scope) -> Result<(), Broken> {
        if self.status.is_none() && self.timer.is_some() {
            return Err(Broken::new(Invariant::I12, "the store has a timer of an order without facts"));
        }
        if scope.expect.is_settled() && self.timer != self.due {
            let say = |due: Option<Timestamp>| due.map_or("none".to_owned(), |due| due.to_string());
            let found =
                format!("the last fact's deadline is {}, the live timer {}", say(self.due), say(self.timer));
            return Err(Broken::new(Invariant::I12, found));
        }
        Ok(())
    }
}

/// What was read besides the log of an order's partition, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope {
    pub(super) expect: Expect,
    pub(super) store: bool,
    pub(super) notifications_truncated: bool,
}

fn check_row(from: Option<Status>, fact: &Fact) -> Result<(), Broken> {
    let (to, actor) = (fact.status, fact.actor);
    if !to.is_reachable() {
        // The next release has the transitions of a status that this one only knows.
        return Ok(());
    }
    let name = from.map_or("nothing", Status::name);
    let broken = |found: String| Err(Broken::new(Invariant::Lifecycle, found));
    match transition(from, to) {
        None if from.is_some_and(|from| !from.is_reachable()) => Ok(()),
        None => broken(format!("it moved from {name} to {to}, which is no transition of the lifecycle")),
        Some(row) if !row.actors.contains(&actor) => {
            broken(format!("{actor} moved it from {name} to {to}, which the lifecycle does not allow"))
        }
        Some(_) => Ok(()),
    }
}

/// The fact changes the courier and nothing else, and its actor may do so.
fn check_assignment(order: &Order, courier: Option<&PartyId>, fact: &Fact) -> Result<(), Broken> {
    let (status, actor) = (fact.status, fact.actor);
    let broken = |found: String| Err(Broken::new(Invariant::Lifecycle, found));
    if status != order.status || fact.attempts_left != order.attempts_left {
        return broken(format!("its courier changed in {status} while it is {}", order.status));
    }
    if courier == order.courier_id.as_ref() {
        return broken("its courier changed to the courier that it has".to_owned());
    }
    if !assigners(status).contains(&actor) || fact.cause.request().is_none() {
        return broken(format!(
            "{actor} changed its courier in {status}, which the lifecycle does not allow"
        ));
    }
    if fact.deadline != order.deadline {
        let found =
            format!("its courier changed, and its deadline from {:?} to {:?}", order.deadline, fact.deadline);
        return Err(Broken::new(Invariant::I12, found));
    }
    Ok(())
}

fn check_revocation(order: &Order, fact: &Fact) -> Result<(), Broken> {
    let broken = |found: String| Err(Broken::new(Invariant::Lifecycle, found));
    if fact.status != order.status || fact.attempts_left != order.attempts_left {
        return broken(format!("its links are revoked in {} while it is {}", fact.status, order.status));
    }
    if fact.actor == Actor::System || fact.cause.request().is_none() {
        return broken(format!("{} revoked its links without a request", fact.actor));
    }
    if fact.deadline != order.deadline {
        let (before, after) = (order.deadline, fact.deadline);
        let found = format!("its links are revoked, and its deadline changed from {before:?} to {after:?}");
        return Err(Broken::new(Invariant::I12, found));
    }
    Ok(())
}

/// Details may be large and never change, so only a fingerprint is kept.
fn without_details(mut order: Order) -> Order {
    order.details = order.details.and_then(|details| {
        if details.as_str().len() <= DETAILS_BYTES_KEPT {
            return Some(details);
        }
        Details::parse(&format!("\"{:016x}\"", fingerprint(details.as_str()))).ok()
    });
    order
}

const DETAILS_BYTES_KEPT: usize = 64;

/// Without trace contexts: documents of earlier releases have none.
fn fingerprint_of(order: &Order) -> u64 {
    if order.trace.is_none() && order.history.iter().all(|entry| entry.trace.is_none()) {
        return fingerprint(&order.to_document());
    }
    let mut order = Order { trace: None, ..order.clone() };
    order.history.iter_mut().for_each(|entry| entry.trace = None);
    fingerprint(&order.to_document())
}

/// Hash of a notification's identity; excludes reason and recipients, which records of older releases lack.
fn notification_hash(
    before: u64,
    version: Version,
    status: Status,
    (late, assignment, tracking_revoked): (bool, Option<&Assignment>, bool),
    at: Timestamp,
) -> u64 {
    fingerprint(&(before, version, status, late, assignment, tracking_revoked, at))
}

pub(super) fn fingerprint<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
