//! One partition under audit.

use std::collections::{BTreeMap, HashMap};

use super::inputs::{Answer, Asked, Inputs};
use super::order::{OrderAudit, Scope};
use super::violation::{Broken, Invariant, Violation};
use super::{Expect, Report};
use crate::fact::{Cause, Change, Fact};
use crate::ids::{Offset, OrderId, Partition};
use crate::notify::Notification;
use crate::outcome::{Outcome, OutcomeKind};
use crate::partitioner::partition_of;
use crate::port::{LogRecord, Recovery, StoreCheckpoint};
use crate::wire::{self, Record};

#[derive(Debug, Default)]
pub(super) struct PartitionAudit {
    pub(super) inputs: Inputs,
    pub(super) notifications_truncated: bool,
    pub(super) end: Option<Offset>,
    orders: HashMap<OrderId, OrderAudit>,
    /// `None`: the store was not read; `Some(None)`: it has no checkpoint of the partition.
    checkpoint: Option<Option<StoreCheckpoint>>,
    timers: u64,
    last: Option<Offset>,
    last_notification: Option<Offset>,
    last_fact: Option<Offset>,
    /// Foreign records that have no dead letter yet, with what is wrong with each.
    suspects: BTreeMap<Offset, Violation>,
}

impl PartitionAudit {
    pub(super) fn order(&mut self, order_id: &OrderId) -> &mut OrderAudit {
        self.orders.entry(order_id.clone()).or_default()
    }

    pub(super) fn recovery(
        &mut self,
        partition: Partition,
        partitions: u32,
        recovery: &Recovery,
    ) -> Result<(), Violation> {
        self.checkpoint = Some(recovery.checkpoint.clone());
        for (order_id, due) in &recovery.timers {
            let broken = |broken: Broken| broken.at(partition, None, Some(order_id));
            check_home(order_id, partition, partitions, Invariant::I12, "its timer").map_err(broken)?;
            self.order(order_id).timer(*due).map_err(broken)?;
            self.timers += 1;
        }
        Ok(())
    }

    pub(super) fn notification(
        &mut self,
        partition: Partition,
        partitions: u32,
        record: &LogRecord,
        notification: &Notification,
    ) -> Result<(), Violation> {
        let order_id = &notification.order_id;
        let broken = |broken: Broken| broken.at(partition, Some(record.offset), Some(order_id));
        forward_only(&mut self.last_notification, record.offset).map_err(broken)?;
        check_home(order_id, partition, partitions, Invariant::I9, "its notification").map_err(broken)?;
        let truncated = self.notifications_truncated;
        self.order(order_id).notified(notification, truncated).map_err(broken)
    }

    pub(super) fn record(
        &mut self,
        partition: Partition,
        partitions: u32,
        record: &LogRecord,
        report: &mut Report,
    ) -> Result<(), Violation> {
        let here = |broken: Broken| broken.at(partition, Some(record.offset), None);
        forward_only(&mut self.last, record.offset).map_err(here)?;
        match wire::decode(record, partition) {
            Ok(Record::Input(request)) => {
                report.inputs += 1;
                self.inputs.asked(record, Some(Asked::new(&request, partitions)));
                Ok(())
            }
            Ok(Record::Fact(fact)) => {
                let at = |broken: Broken| broken.at(partition, Some(record.offset), Some(&fact.order_id));
                match self.check_fact(partition, partitions, record, &fact) {
                    Ok(()) => self.fact(partition, record, &fact, report).map_err(at),
                    // A new owner cannot tell the copy of a timer's fact from the fact, so it may go without an outcome.
                    Err(_) if self.is_copy(record, &fact) => Ok(()),
                    Err(broken) => {
                        self.suspect(record, at(broken), report);
                        Ok(())
                    }
                }
            }
            Ok(Record::Outcome(outcome)) => {
                let at =
                    |broken: Broken| broken.at(partition, Some(record.offset), outcome.order_id.as_ref());
                let is_dead_letter = matches!(outcome.result, OutcomeKind::DeadLettered { .. });
                match self.inputs.check_next(outcome.offset) {
                    Ok(()) => self.outcome(partition, &outcome, report).map_err(at),
                    // About such a copy, or itself a copy.
                    Err(_) if is_dead_letter && self.is_passed(outcome.offset, record.offset) => Ok(()),
                    Err(broken) => {
                        self.suspect(record, at(broken), report);
                        Ok(())
                    }
                }
            }
            Err(error) if error.is_newer() => {
                let found = format!("a newer release wrote a fact or an outcome: {error}");
                Err(here(Broken::new(Invariant::I14, found)))
            }
            Err(error) if error.from_processor => {
                let found = format!("a fact or an outcome cannot be read: {error}");
                self.suspect(record, here(Broken::new(Invariant::I14, found)), report);
                Ok(())
            }
            Err(_) => {
                report.inputs += 1;
                self.inputs.asked(record, None);
                Ok(())
            }
        }
    }

    /// What claims to be an owner's and cannot be is an input, whose outcome is a dead letter.
    fn suspect(&mut self, record: &LogRecord, violation: Violation, report: &mut Report) {
        report.inputs += 1;
        self.inputs.asked(record, None);
        self.suspects.insert(record.offset, violation);
    }

    /// Everything up to `offset` is answered, as far as a record at `here` can tell.
    fn is_passed(&self, offset: Offset, here: Offset) -> bool {
        offset < self.inputs.first_unanswered().unwrap_or(here)
    }

    fn is_copy(&self, record: &LogRecord, fact: &Fact) -> bool {
        let order = self.orders.get(&fact.order_id);
        let has = order.is_some_and(|order| order.has_record(fact.version, &record.payload));
        has && fact.cause.answers().is_none()
    }

    /// The fact can be an owner's: it is the next of its order, and answers the next input if it answers one.
    fn check_fact(
        &self,
        partition: Partition,
        partitions: u32,
        record: &LogRecord,
        fact: &Fact,
    ) -> Result<(), Broken> {
        check_home(&fact.order_id, partition, partitions, Invariant::I1, "its fact")?;
        if record.key.as_deref() != Some(fact.order_id.as_str().as_bytes()) {
            return Err(Broken::new(Invariant::I1, "the fact's key is not its order's id"));
        }
        match self.orders.get(&fact.order_id) {
            Some(order) => order.check_next(fact)?,
            None => OrderAudit::default().check_next(fact)?,
        }
        fact.cause.answers().map_or(Ok(()), |answers| self.inputs.check_next(answers))
    }

    fn fact(
        &mut self,
        partition: Partition,
        record: &LogRecord,
        fact: &Fact,
        report: &mut Report,
    ) -> Result<(), Broken> {
        match &fact.cause {
            Cause::Request { request, offset } => {
                let answer = Answer::Fact {
                    order_id: &fact.order_id,
                    request,
                    status: fact.status,
                    change: &fact.change,
                };
                let asked = self.inputs.answered(partition, *offset, answer)?;
                self.order(&fact.order_id).check_reached(asked.as_ref())?;
                report.outcomes.happened += 1;
            }
            Cause::Timer { offset, .. } => self.inputs.timer_fired(*offset)?,
        }
        let checkpoint = self.checkpoint.as_ref().and_then(Option::as_ref);
        let before_checkpoint = checkpoint.is_some_and(|checkpoint| record.offset < checkpoint.offset);
        self.order(&fact.order_id).fact(fact, &record.payload, before_checkpoint)?;
        self.last_fact = Some(record.offset);
        report.facts += 1;
        match fact.change {
            Change::Late => report.late_facts += 1,
            Change::Assigned { .. } => report.assignment_facts += 1,
            Change::TrackingRevoked => report.tracking_facts += 1,
            Change::Placed(_) | Change::Moved => *report.facts_by_status.entry(fact.status).or_default() += 1,
        }
        Ok(())
    }

    fn outcome(
        &mut self,
        partition: Partition,
        outcome: &Outcome,
        report: &mut Report,
    ) -> Result<(), Broken> {
        let Outcome { offset, order_id, request, result } = outcome;
        let (order_id, request) = (order_id.as_ref(), request.as_ref());
        let (answer, count) = match result {
            OutcomeKind::Unchanged { .. } => {
                (Answer::Decided { order_id, request }, &mut report.outcomes.unchanged)
            }
            OutcomeKind::Rejected(_) => {
                (Answer::Decided { order_id, request }, &mut report.outcomes.rejected)
            }
            OutcomeKind::Forwarded { to } => (Answer::Forwarded { to: *to }, &mut report.outcomes.forwarded),
            OutcomeKind::DeadLettered { .. } => (Answer::DeadLettered, &mut report.outcomes.dead_lettered),
        };
        *count += 1;
        let asked = self.inputs.answered(partition, *offset, answer)?;
        if let (OutcomeKind::DeadLettered { .. }, Some(_)) = (result, self.suspects.remove(offset)) {
            report.foreign += 1;
        }
        let unknown = OrderAudit::default();
        let order = order_id.and_then(|order_id| self.orders.get(order_id)).unwrap_or(&unknown);
        match result {
            OutcomeKind::Unchanged { version, status } => order.unchanged(*version, *status),
            OutcomeKind::Rejected(rejection) => order.rejected(rejection, asked.as_ref()),
            OutcomeKind::Forwarded { .. } | OutcomeKind::DeadLettered { .. } => Ok(()),
        }
    }

    /// # Errors
    /// What is wrong with the first record that claims to be an owner's, cannot be, and has no dead letter. In motion, it may
    /// get one yet, unless a later input is answered.
    pub(super) fn check_suspects(&self, expect: Expect) -> Result<(), Violation> {
        let stored = self.checkpoint.as_ref().and_then(Option::as_ref).map(|checkpoint| checkpoint.answered);
        let answered = self.inputs.first_unanswered().max(stored);
        let open = |offset: &Offset| !expect.is_settled() && answered.is_some_and(|end| *offset >= end);
        match self.suspects.iter().find(|(offset, _)| !open(offset)) {
            Some((_, violation)) => Err(violation.clone()),
            None => Ok(()),
        }
    }

    pub(super) fn settle(
        &self,
        partition: Partition,
        expect: Expect,
        report: &mut Report,
    ) -> Result<(), Violation> {
        self.settle_inputs(expect).map_err(|(broken, offset)| broken.at(partition, offset, None))?;
        self.settle_checkpoint(expect).map_err(|broken| broken.at(partition, None, None))?;
        report.unanswered += u64::try_from(self.inputs.unanswered()).unwrap_or(u64::MAX);
        report.timers += self.timers;
        let scope = Scope {
            expect,
            store: self.checkpoint.is_some(),
            notifications_truncated: self.notifications_truncated,
        };
        let mut first: Option<(&OrderId, Broken)> = None;
        for (order_id, order) in &self.orders {
            if let Err(broken) = order.settle(scope, report)
                && first.as_ref().is_none_or(|(other, _)| order_id < *other)
            {
                first = Some((order_id, broken));
            }
        }
        first.map_or(Ok(()), |(order_id, broken)| Err(broken.at(partition, None, Some(order_id))))
    }

    fn settle_inputs(&self, expect: Expect) -> Result<(), (Broken, Option<Offset>)> {
        let Some(unanswered) = self.inputs.first_unanswered() else { return Ok(()) };
        let answered =
            self.checkpoint.as_ref().and_then(Option::as_ref).map(|checkpoint| checkpoint.answered);
        if let Some(answered) = answered.filter(|answered| *answered > unanswered) {
            let found = format!("the store says that inputs before {answered} are answered, this one is not");
            return Err((Broken::new(Invariant::I3, found), Some(unanswered)));
        }
        if expect.is_settled() {
            return Err((Broken::new(Invariant::I2, "the input has no outcome"), Some(unanswered)));
        }
        Ok(())
    }

    fn settle_checkpoint(&self, expect: Expect) -> Result<(), Broken> {
        let Some(checkpoint) = &self.checkpoint else { return Ok(()) };
        let facts_end = self.last_fact.map(Offset::next);
        let Some(&StoreCheckpoint { offset, answered, .. }) = checkpoint.as_ref() else {
            let behind = expect.is_settled() && facts_end.is_some();
            let found = "the store has no checkpoint, the log has facts";
            return if behind { Err(Broken::new(Invariant::I10, found)) } else { Ok(()) };
        };
        if let Some(end) = self.end.filter(|end| offset > *end || answered > *end) {
            let found = format!("the checkpoint is at {offset}, answered {answered}, the log ends at {end}");
            return Err(Broken::new(Invariant::I7, found));
        }
        match facts_end {
            Some(facts_end) if expect == Expect::AtRest && offset < facts_end => {
                let found = format!("the checkpoint is at {offset}, the last fact before {facts_end}");
                Err(Broken::new(Invariant::I10, found))
            }
            _ => Ok(()),
        }
    }
}

fn check_home(
    order_id: &OrderId,
    partition: Partition,
    partitions: u32,
    invariant: Invariant,
    what: &str,
) -> Result<(), Broken> {
    let home = partition_of(order_id, partitions);
    if home == partition {
        return Ok(());
    }
    Err(Broken::new(invariant, format!("{what} is in partition {partition}, the order belongs to {home}")))
}

/// Records come in the order of their offsets.
fn forward_only(last: &mut Option<Offset>, offset: Offset) -> Result<(), Broken> {
    match last.replace(offset) {
        Some(last) if last >= offset => {
            Err(Broken::new(Invariant::I14, format!("the record follows the one at offset {last}")))
        }
        _ => Ok(()),
    }
}
