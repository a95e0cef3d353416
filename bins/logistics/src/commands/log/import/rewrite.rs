//! Rewrites the records of an export for another log.

use std::collections::{BTreeMap, VecDeque};

use logistics_cli_kit::Failure;
use logistics_core::notify::{Notification, Parties};
use logistics_core::port::{LogRecord, Topic};
use logistics_core::wire::{self, DeadLetter, DecodeError, Record};
use logistics_core::{
    Cause, Change, Fact, Offset, OrderId, Outcome, OutcomeKind, Partition, PartyId, Placement, RequestId,
    Timestamp, partition_of,
};
use serde::Deserialize;

use super::export::Export;
use super::plan::Plan;
use super::target::Target;

/// Writes the answered inputs, then the unanswered ones, because inputs are answered in their order.
///
/// # Errors
/// One sentence, if a record cannot be read or written.
pub(super) async fn inputs(export: &mut Export, plan: &Plan, target: &mut Target) -> Result<(), Failure> {
    // Without unanswered inputs, a second pass would find nothing.
    let passes: &[bool] = if plan.unanswered == 0 { &[true] } else { &[true, false] };
    for &answered in passes {
        let mut records = export.records()?;
        while let Some(exported) = records.next()? {
            let (from, record) = (exported.partition, exported.record);
            let is_selected = plan.is_answered(from, record.offset) == answered
                && !plan.is_foreign(from, record.offset)
                && !plan.is_forwarded(from, record.offset);
            if !is_selected {
                continue;
            }
            let decoded = wire::decode(&record, from);
            if let Some(home) = home_of(&decoded, &record, from, target.partitions()) {
                target.input(from, home, record.key, record.payload).await?;
            }
        }
    }
    target.flush().await
}

/// The partition of an input: that of its order, or else of its key. `None`: the record is not an input.
fn home_of(
    decoded: &Result<Record, DecodeError>,
    record: &LogRecord,
    from: Partition,
    partitions: u32,
) -> Option<Partition> {
    match decoded {
        Ok(Record::Input(request)) => Some(partition_of(&request.order_id, partitions)),
        Ok(Record::Fact(_) | Record::Outcome(_)) => None,
        Err(error) if error.from_processor => None,
        Err(_) => {
            let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
            let order_id = key.and_then(|key| OrderId::parse(key).ok());
            Some(order_id.map_or(Partition(from.0 % partitions.max(1)), |id| partition_of(&id, partitions)))
        }
    }
}

/// An input at its new position.
struct Moved {
    from: Offset,
    /// `None`: forwarded, so the import skips it.
    to: Option<(Partition, Offset)>,
    /// The new request id of a bare record, which depends on its position.
    renamed: Option<RequestId>,
    /// The record at its new position, if it is a dead letter, which quotes it.
    dead: Option<LogRecord>,
}

/// Writes the facts and the other outcomes, each after the input that it answers.
///
/// # Errors
/// One sentence, if a record cannot be read or written.
pub(super) async fn outcomes(export: &mut Export, plan: &Plan, target: &mut Target) -> Result<(), Failure> {
    let mut waiting: BTreeMap<Partition, VecDeque<Moved>> = BTreeMap::new();
    let mut placements = Placements::default();
    let mut records = export.records()?;
    while let Some(exported) = records.next()? {
        let (from, record, line) = (exported.partition, exported.record, exported.line);
        if plan.is_foreign(from, record.offset) {
            continue;
        }
        let lost = || Failure::refused(format!("line {line}: the export changed during the import"));
        let decoded = wire::decode(&record, from);
        if let Some(home) = home_of(&decoded, &record, from, target.partitions()) {
            if plan.is_answered(from, record.offset) {
                let forwarded = plan.is_forwarded(from, record.offset);
                let to =
                    if forwarded { None } else { Some((home, target.next_place(home).ok_or_else(lost)?)) };
                let is_dead = plan.is_dead(from, record.offset);
                waiting.entry(from).or_default().push_back(moved(decoded, record, to, is_dead));
            }
            continue;
        }
        let mut answered = |offset: Offset| {
            let next = waiting.get_mut(&from).and_then(VecDeque::pop_front);
            next.filter(|input| input.from == offset).ok_or_else(lost)
        };
        match decoded {
            Ok(Record::Fact(mut fact)) => {
                let home = partition_of(&fact.order_id, target.partitions());
                fact.cause = match fact.cause {
                    Cause::Request { request, offset } => {
                        let input = answered(offset)?;
                        let (_, offset) = input.to.filter(|(to, _)| *to == home).ok_or_else(lost)?;
                        target.answered(home);
                        Cause::Request { request: input.renamed.unwrap_or(request), offset }
                    }
                    Cause::Timer { timer, .. } => {
                        Cause::Timer { timer, offset: target.next_unanswered(home) }
                    }
                };
                let (placement, previous) = placements.of(&fact);
                write_fact(target, home, &fact, &placement, previous.as_ref()).await?;
            }
            Ok(Record::Outcome(outcome)) => {
                let input = answered(outcome.offset)?;
                write_outcome(target, input, outcome, time_of(&record)).await?;
            }
            Ok(Record::Input(_)) | Err(_) => return Err(lost()),
        }
    }
    target.flush().await
}

/// `decoded` is the record at its old position.
fn moved(
    decoded: Result<Record, DecodeError>,
    record: LogRecord,
    to: Option<(Partition, Offset)>,
    is_dead: bool,
) -> Moved {
    let name = |decoded| match decoded {
        Ok(Record::Input(request)) => Some(request.id),
        _ => None,
    };
    let (was, before) = (name(decoded), record.offset);
    let Some((home, offset)) = to else {
        return Moved { from: before, to, renamed: None, dead: None };
    };
    let here = LogRecord { offset, ..record };
    let renamed = name(wire::decode(&here, home)).filter(|now| was.as_ref() != Some(now));
    Moved { from: before, to, renamed, dead: is_dead.then_some(here) }
}

/// The placements of open orders without their details. A notification names the parties.
#[derive(Default)]
struct Placements(BTreeMap<OrderId, Placement>);

impl Placements {
    /// The placement of the fact's order with its courier after the fact, and the courier before an assignment. A terminal
    /// fact removes it.
    fn of(&mut self, fact: &Fact) -> (Placement, Option<PartyId>) {
        if let Change::Placed(placement) = &fact.change {
            let mut parties = placement.clone();
            parties.details = None;
            self.0.insert(fact.order_id.clone(), parties);
        }
        let mut previous = None;
        if let (Change::Assigned { courier_id }, Some(parties)) =
            (&fact.change, self.0.get_mut(&fact.order_id))
        {
            previous = std::mem::replace(&mut parties.courier_id, courier_id.clone());
        }
        let placement = match fact.status.is_terminal() {
            true => self.0.remove(&fact.order_id),
            false => self.0.get(&fact.order_id).cloned(),
        };
        (placement.unwrap_or_default(), previous)
    }
}

async fn write_fact(
    target: &mut Target,
    home: Partition,
    fact: &Fact,
    placement: &Placement,
    previous_courier: Option<&PartyId>,
) -> Result<(), Failure> {
    let key = fact.order_id.to_key();
    let parties = Parties::from(placement).with_previous_courier(previous_courier);
    let notification = wire::encode_notification(&Notification::of(fact, parties));
    target.write(home, Topic::Notifications, Some(key.clone()), notification);
    target.write_own(home, Some(key), wire::encode_fact(fact));
    target.flush_full(home).await
}

async fn write_outcome(
    target: &mut Target,
    input: Moved,
    mut outcome: Outcome,
    at: Timestamp,
) -> Result<(), Failure> {
    // A skipped input has no outcome.
    let Some((home, offset)) = input.to else { return Ok(()) };
    target.answered(home);
    outcome.offset = offset;
    outcome.request = outcome.request.map(|request| input.renamed.unwrap_or(request));
    if let (OutcomeKind::DeadLettered { reason }, Some(record)) = (&outcome.result, &input.dead) {
        let letter = DeadLetter { record, partition: home, reason };
        target.write(home, Topic::DeadLetters, letter.key(), letter.encode(at));
    }
    let key = outcome.order_id.as_ref().map(OrderId::to_key);
    target.write_own(home, key, wire::encode_outcome(&outcome, home, at));
    target.flush_full(home).await
}

/// The time of an outcome's decision.
fn time_of(record: &LogRecord) -> Timestamp {
    #[derive(Deserialize)]
    struct Timed {
        time: Timestamp,
    }
    serde_json::from_slice::<Timed>(&record.payload).map_or(record.at, |timed| timed.time)
}
