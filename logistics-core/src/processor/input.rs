//! A record of the log, as an owner of its partition reads it.

use super::dead_letter::DeadLetterCode;
use super::settings::Settings;
use crate::fact::{Change, Fact};
use crate::ids::{Offset, OrderId, Partition, PartyId, Timestamp, Version};
use crate::order::Order;
use crate::outcome::Outcome;
use crate::partitioner::partition_of;
use crate::port::LogRecord;
use crate::request::Request;
use crate::wire::{self, LogKeys, Record};

/// An input that waits for its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Input {
    pub(super) offset: Offset,
    pub(super) at: Timestamp,
    pub(super) kind: InputKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum InputKind {
    /// A request about an order of this partition.
    Request(Box<Request>),
    /// A request about an order of another partition.
    Misplaced { record: LogRecord, request: Box<Request>, to: Partition },
    /// No input of this system.
    Dead { record: LogRecord, code: DeadLetterCode, reason: String },
    /// A fact that this owner did not write. The order's state decides whether another owner can have written it.
    Claimed { record: LogRecord, fact: Box<Fact>, number: u64 },
}

impl Input {
    /// The order whose state is needed to answer it.
    pub(super) fn order_id(&self) -> Option<&OrderId> {
        match &self.kind {
            InputKind::Request(request) => Some(&request.order_id),
            InputKind::Claimed { fact, .. } => Some(&fact.order_id),
            InputKind::Misplaced { .. } | InputKind::Dead { .. } => None,
        }
    }
}

/// A record that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) reading: Reading,
    /// It claims to be an owner's, and a key of the log signed it.
    pub(super) signed: bool,
}

/// What a record claims to be.
#[derive(Debug)]
pub(super) enum Reading {
    /// An input, which anything may write.
    Input(Request),
    /// Neither an input of this system nor an owner's record.
    Dead(DeadLetterCode, String),
    /// An owner's outcome.
    Outcome(Outcome),
    /// An owner's fact.
    Fact(Box<Fact>),
    /// It claims to be an owner's, but no owner writes such a record.
    Foreign(String),
    /// An owner's of a newer release: it must not be skipped.
    Newer(String),
}

/// How much of a reason goes into an outcome: a foreign record may be long, and its outcome must fit anyway.
const REASON_CHARS_MAX: usize = 300;

/// Reads a record of this partition. Verifies the signatures of owners' records; [`of_request`] verifies those of inputs.
pub(super) fn read_record(record: &LogRecord, partition: Partition, keys: Option<&LogKeys>) -> Read {
    let reading = match wire::decode(record, partition) {
        Ok(Record::Input(request)) => Reading::Input(request),
        Ok(Record::Fact(fact)) => Reading::Fact(Box::new(fact)),
        Ok(Record::Outcome(outcome)) => Reading::Outcome(outcome),
        Err(error) if error.is_newer() => Reading::Newer(unreadable(partition, record.offset, &error)),
        Err(error) if error.from_processor => Reading::Foreign(bounded(&error.to_string())),
        Err(error) => Reading::Dead(DeadLetterCode::of(&error.error), bounded(&error.to_string())),
    };
    let claims = matches!(reading, Reading::Outcome(_) | Reading::Fact(_) | Reading::Newer(_));
    let signed = claims && keys.is_some_and(|keys| keys.verifies(partition, &record.payload));
    Read { reading, signed }
}

/// Why an owner's record that lacks a signature is foreign.
pub(super) const UNSIGNED: &str =
    "no owner of the partition wrote this record: it is not signed with the log key";

/// The input that a request of this partition's log is. With log keys, an unsigned request may be a dead letter.
///
/// Called only for an input that has no outcome yet. What was answered is never judged again, so other keys or roles change
/// nothing about it.
pub(super) fn of_request(
    record: LogRecord,
    request: Request,
    partition: Partition,
    settings: &Settings,
) -> InputKind {
    let home = partition_of(&request.order_id, settings.partitions);
    let request = match &settings.log_keys {
        // A forwarded input is the same record in its order's partition, so its signature is for that partition everywhere.
        Some(keys) if !is_signed(&record, home, keys) => {
            if !settings.producer_roles.permits(&request) {
                let reason = settings.producer_roles.refusal(&request);
                return InputKind::Dead { record, code: DeadLetterCode::Unsigned, reason };
            }
            unsigned(request)
        }
        _ => request,
    };
    if home == partition {
        InputKind::Request(Box::new(request))
    } else {
        InputKind::Misplaced { record, request: Box::new(request), to: home }
    }
}

/// The signature covers the payload. An input in binary mode has its attributes in headers, which nothing covers.
fn is_signed(record: &LogRecord, home: Partition, keys: &LogKeys) -> bool {
    !wire::is_binary(record) && keys.verifies_input(home, &record.payload)
}

/// What is believed of a permitted input that no log key signed: it names no subject. Its party stays, because a party only
/// restricts which orders the request reaches.
fn unsigned(mut request: Request) -> Request {
    request.by = None;
    request
}

fn bounded(reason: &str) -> String {
    reason.chars().take(REASON_CHARS_MAX).collect()
}

/// The reason to halt at an owner's record that this build cannot read.
fn unreadable(partition: Partition, offset: Offset, error: &wire::DecodeError) -> String {
    format!(
        "the record at offset {offset} of partition {partition} was written by a newer release ({error}); run a build \
         that can read it"
    )
}

/// The input that a foreign record is.
pub(super) fn dead_as_foreign(record: LogRecord, reason: String) -> InputKind {
    InputKind::Dead { record, code: DeadLetterCode::Foreign, reason }
}

/// Whether a fact can follow an order that has `version` facts.
///
/// # Errors
/// The reason why it cannot, as a clause.
pub(super) fn check_follows(
    fact: &Fact,
    version: Version,
    partition: Partition,
    partitions: u32,
) -> Result<(), String> {
    let home = partition_of(&fact.order_id, partitions);
    if home != partition {
        return Err(format!("a fact of order {}, which belongs to partition {home}", fact.order_id));
    }
    if fact.version != version.next() {
        let (order_id, found) = (&fact.order_id, fact.version);
        return Err(format!(
            "a fact of version {found} of order {order_id}, which has {version} facts there"
        ));
    }
    if matches!(fact.change, Change::Placed(_)) != (version == Version(0)) {
        return Err(format!("a fact of order {} whose first fact is no placement", fact.order_id));
    }
    Ok(())
}

/// Whether the order's history has this very fact. An entry without a subject fits any: earlier releases kept none.
pub(super) fn has_fact(order: &Order, fact: &Fact) -> bool {
    let index = usize::try_from(fact.version.0).unwrap_or(usize::MAX).wrapping_sub(1);
    order.history.get(index).is_some_and(|entry| {
        let late = fact.change == Change::Late;
        (entry.version, entry.status, entry.at, entry.actor, entry.late)
            == (fact.version, fact.status, fact.at, fact.actor, late)
            && entry.tracking_revoked == (fact.change == Change::TrackingRevoked)
            && entry.reason == fact.reason
            && (entry.by.is_none() || entry.by == fact.by)
            && entry.assignment.as_ref().map(|assignment| &assignment.courier_id) == assigned(fact)
    })
}

fn assigned(fact: &Fact) -> Option<&Option<PartyId>> {
    match &fact.change {
        Change::Assigned { courier_id } => Some(courier_id),
        Change::Placed(_) | Change::Moved | Change::Late | Change::TrackingRevoked => None,
    }
}

/// Why a record that claims to be an owner's is foreign.
pub(super) fn foreign(what: &str) -> String {
    bounded(&format!("no owner of the partition wrote this record: {what}"))
}
