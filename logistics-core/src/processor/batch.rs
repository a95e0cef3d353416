//! One transaction's worth of decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::dead_letter::DeadLetterCode;
use super::event::ProcessorEvent;
use super::gauges::Undecided;
use super::input::{Input, InputKind, check_follows, dead_as_foreign, foreign};
use super::interrupt::Interrupt;
use super::memory;
use super::own::{OwnRecords, Print};
use super::report;
use super::settings::Settings;
use super::timers::{Timer, Timers};
use super::write_buffer::Changed;
use crate::decide::{Decision, decide, decide_due};
use crate::fact::{Change, Fact};
use crate::ids::{Offset, OrderId, Partition, RequestId, Timestamp, TraceParent, Version};
use crate::lifecycle::Status;
use crate::notify::Notification;
use crate::observe::TransactionReport;
use crate::order::{Order, VersionGap, evolve};
use crate::outcome::{Outcome, OutcomeKind, RequestOutcome};
use crate::port::{IndexEntry, LogRecord, NewRecord, Topic, Transaction};
use crate::request::{Command, Request};
use crate::wire::{self, DeadLetter};

/// What is to be decided together: inputs in their order, timers that are due, and the state of every order concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    pub(super) inputs: Vec<Input>,
    pub(super) due: BTreeSet<Timer>,
    /// The next input behind those of this plan: everything before it is answered once this is committed.
    pub(super) next: Offset,
    /// `None`: there is no such order.
    pub(super) orders: BTreeMap<OrderId, Option<Arc<Order>>>,
    /// Orders of which the store has index entries, and the log has nothing.
    pub(super) missing: BTreeSet<OrderId>,
}

impl Plan {
    pub(super) fn bytes(&self) -> usize {
        let orders: usize = self.orders.values().flatten().map(|order| memory::of_order(order)).sum();
        orders + self.inputs.iter().map(memory::of_input).sum::<usize>()
    }

    /// Judges the facts among the inputs that this owner did not write. Those that cannot be true become dead inputs.
    ///
    /// # Errors
    /// A second writer, for a fact that could be true.
    pub(super) fn judge_claims(
        &mut self,
        own: &mut OwnRecords,
        partition: Partition,
        settings: &Settings,
    ) -> Result<(), Interrupt> {
        for input in &mut self.inputs {
            let InputKind::Claimed { record, fact, number } = &input.kind else { continue };
            let order = self.orders.get(&fact.order_id).cloned().flatten();
            let now = order.as_ref().map_or(Version(0), |order| order.version);
            let version = own.version_at(&fact.order_id, now, *number);
            own.end_claim();
            match check_follows(fact, version, partition, settings.partitions) {
                Ok(()) => return Err(Interrupt::SecondWriter(second_writer(partition, input.offset))),
                Err(what) => {
                    input.kind = dead_as_foreign(record.clone(), foreign(&what));
                }
            }
        }
        Ok(())
    }
}

/// The reason to halt at a plausible owner's record that this owner did not write.
pub(super) fn second_writer(partition: Partition, offset: Offset) -> String {
    format!(
        "the record at offset {offset} of partition {partition} answers an input or moves an order, and this owner did not \
         write it: a second group of processors, or a producer that must not, writes to this log. Stop it, then restart \
         this process"
    )
}

/// What was decided, to be merged once it is committed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Decided {
    pub(super) next: Offset,
    pub(super) changed: BTreeMap<OrderId, Changed>,
    pub(super) outcomes: Vec<(RequestId, RequestOutcome)>,
    pub(super) events: Vec<ProcessorEvent>,
    /// The facts and outcomes of the transaction.
    pub(super) prints: Vec<Print>,
    /// What it answers, as long as it is not committed.
    pub(super) undecided: Undecided,
    /// `None` unless an observer wants it.
    pub(super) report: Option<Box<TransactionReport>>,
}

/// The time, to decide with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    /// What facts get.
    pub(super) now: Timestamp,
    /// Timers may fire.
    pub(super) decides: bool,
}

/// Decides a plan. Timers change in place: if the transaction is not committed, the whole state goes anyway.
pub(super) fn decide_plan(
    plan: Plan,
    timers: &mut Timers,
    partition: Partition,
    time: Time,
    facts_max: usize,
    settings: &Settings,
) -> Result<(Transaction, Decided), VersionGap> {
    let now = time.now;
    let decided = Decided {
        next: plan.next,
        undecided: Undecided::of(&plan),
        report: settings.report_transactions.then(|| report::of_plan(&plan)),
        ..Decided::default()
    };
    let mut batch = Batch {
        partition,
        now,
        time_decides: time.decides,
        facts_max,
        settings,
        timers,
        due: plan.due,
        orders: plan.orders,
        missing: plan.missing,
        records: Vec::with_capacity(plan.inputs.len() * 2),
        facts: 0,
        position: plan.next,
        decided,
    };
    for input in plan.inputs {
        batch.position = input.offset;
        batch.fire(input.at)?;
        batch.answer(input)?;
    }
    batch.position = plan.next;
    batch.fire(now)?;
    for timer in batch.due {
        batch.timers.insert(timer);
    }
    Ok((Transaction { records: batch.records, next: plan.next }, batch.decided))
}

struct Batch<'a> {
    partition: Partition,
    now: Timestamp,
    time_decides: bool,
    facts_max: usize,
    settings: &'a Settings,
    timers: &'a mut Timers,
    due: BTreeSet<Timer>,
    orders: BTreeMap<OrderId, Option<Arc<Order>>>,
    missing: BTreeSet<OrderId>,
    records: Vec<NewRecord>,
    facts: usize,
    position: Offset,
    decided: Decided,
}

impl Batch<'_> {
    /// Fires what is due at `until`, and what follows from that and is due by then too.
    fn fire(&mut self, until: Timestamp) -> Result<(), VersionGap> {
        while self.time_decides
            && self.facts < self.facts_max
            && self.due.first().is_some_and(|(at, _)| *at <= until)
        {
            let Some((due, order_id)) = self.due.pop_first() else { break };
            let order = self.orders.get(&order_id).cloned().flatten();
            // A timer that is not the order's current one is left over from before and does nothing.
            let Some(order) = order.filter(|order| order.due() == Some(due)) else { continue };
            if due > self.now {
                // The clock stepped back after the timer was taken out: it is not due any more, and stays the order's.
                self.timers.insert((due, order_id));
                continue;
            }
            if let Some(fact) = decide_due(&order, self.position, self.now, &self.settings.policy) {
                self.commit_fact(Some(&order), &fact, order.trace.as_ref())?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, input: Input) -> Result<(), VersionGap> {
        let Input { offset, kind, .. } = input;
        match kind {
            InputKind::Request(request) => self.answer_request(offset, &request),
            InputKind::Misplaced { record, request, to } => {
                let key = Some(request.order_id.to_key());
                // A new record has no headers, so their contents go into the payload.
                let payload =
                    if wire::is_binary(&record) { wire::encode_request(&request) } else { record.payload };
                self.records.push(NewRecord { topic: Topic::Orders, partition: to, key, payload });
                self.outcome(offset, Some(&request), OutcomeKind::Forwarded { to });
                Ok(())
            }
            InputKind::Dead { record, code, reason } => {
                self.answer_dead(offset, &record, code, reason);
                Ok(())
            }
            // `judge_claims` leaves none of these.
            InputKind::Claimed { record, .. } => {
                let reason = foreign("it was not judged");
                self.answer_dead(offset, &record, DeadLetterCode::Foreign, reason);
                Ok(())
            }
        }
    }

    fn answer_dead(&mut self, offset: Offset, record: &LogRecord, code: DeadLetterCode, reason: String) {
        let letter = DeadLetter { record, partition: self.partition, reason: &reason };
        let (key, payload) = (letter.key(), letter.encode(self.now));
        self.push(Topic::DeadLetters, key, payload);
        self.decided.events.push(ProcessorEvent::DeadLettered { offset, code, reason: reason.clone() });
        if let Some(report) = &mut self.decided.report {
            report.dead_letters.push(report::of_dead_letter(offset, code));
        }
        self.outcome(offset, None, OutcomeKind::DeadLettered { reason });
    }

    fn answer_request(&mut self, offset: Offset, request: &Request) -> Result<(), VersionGap> {
        let order = self.orders.get(&request.order_id).cloned().flatten();
        if self.settings.emit_order_events && matches!(request.command, Command::Place(_)) {
            let (order_id, status) = (request.order_id.clone(), Status::Placed);
            self.decided.events.push(ProcessorEvent::Received { order_id, status });
        }
        let outcome = match decide(order.as_deref(), request, offset, self.now, &self.settings.policy) {
            Decision::Fact(fact) => {
                self.commit_fact(order.as_ref(), &fact, request.trace.as_ref())?;
                RequestOutcome::Happened { version: fact.version, status: fact.status }
            }
            Decision::Unchanged => {
                // Only an order that exists has something that does not change.
                let (version, status) =
                    order.map_or((Version(0), Status::Placed), |order| (order.version, order.status));
                self.outcome(offset, Some(request), OutcomeKind::Unchanged { version, status });
                RequestOutcome::Unchanged { version, status }
            }
            Decision::Rejected(rejection) => {
                if self.settings.emit_order_events {
                    let (order_id, code) = (request.order_id.clone(), rejection.code());
                    self.decided.events.push(ProcessorEvent::Rejected { order_id, code });
                }
                if let Some(report) = &mut self.decided.report {
                    report.rejections.push(report::of_rejection(request, &rejection));
                }
                self.outcome(offset, Some(request), OutcomeKind::Rejected(rejection.clone()));
                RequestOutcome::Rejected { rejection }
            }
        };
        if request.awaited {
            self.decided.outcomes.push((request.id.clone(), outcome));
        }
        Ok(())
    }

    /// Takes a fact into the order, its timer, the log and the notifications. `parent`: the trace context of its cause.
    fn commit_fact(
        &mut self,
        before: Option<&Arc<Order>>,
        fact: &Fact,
        parent: Option<&TraceParent>,
    ) -> Result<(), VersionGap> {
        let order_id = &fact.order_id;
        let order = Arc::new(evolve(before.map(|order| Order::clone(order)), fact)?);
        let (due_before, due) = (before.and_then(|order| order.due()), order.due());
        self.timers.change(order_id, due_before, None);
        match due {
            // With a dwell of 0 the next step is due at once: it goes into the same transaction, behind its inputs.
            Some(due) if due <= self.now => {
                self.due.insert((due, order_id.clone()));
            }
            due => self.timers.change(order_id, None, due),
        }
        let key = order_id.to_key();
        let record = self.signed(wire::encode_fact(fact));
        let answers = fact.cause.answers().is_some();
        self.decided.prints.push(Print::of_fact(&record, order_id, answers));
        self.push(Topic::Orders, Some(key.clone()), record);
        let notification = Notification::of(fact, &*order);
        self.push(Topic::Notifications, Some(key), wire::encode_notification(&notification));
        self.facts += 1;
        if self.settings.emit_order_events && fact.change == Change::Moved {
            let (order_id, status) = (order_id.clone(), fact.status);
            self.decided.events.push(ProcessorEvent::Moved { order_id, status });
        }
        if let Some(report) = &mut self.decided.report {
            report.facts.push(report::of_fact(before.map(|order| &**order), &order, fact, parent));
        }
        self.orders.insert(order_id.clone(), Some(order.clone()));
        match self.decided.changed.get_mut(order_id) {
            Some(changed) => changed.order = order,
            None => {
                let previous = before.map(|order| IndexEntry::from(&**order));
                let rebuilt = before.is_none() && self.missing.contains(order_id);
                self.decided.changed.insert(order_id.clone(), Changed { order, previous, rebuilt });
            }
        }
        Ok(())
    }

    fn outcome(&mut self, offset: Offset, request: Option<&Request>, result: OutcomeKind) {
        let order_id = request.map(|request| request.order_id.clone());
        let key = order_id.as_ref().map(OrderId::to_key);
        let outcome =
            Outcome { offset, order_id, request: request.map(|request| request.id.clone()), result };
        let payload = self.signed(wire::encode_outcome(&outcome, self.partition, self.now));
        self.decided.prints.push(Print::of_outcome(&payload));
        self.push(Topic::Orders, key, payload);
    }

    fn signed(&self, record: Bytes) -> Bytes {
        match &self.settings.log_keys {
            Some(keys) => keys.sign(self.partition, &record),
            None => record,
        }
    }

    fn push(&mut self, topic: Topic, key: Option<Bytes>, payload: Bytes) {
        self.records.push(NewRecord { topic, partition: self.partition, key, payload });
    }
}
