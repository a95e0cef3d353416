//! The inputs of one partition and their outcomes.

use std::collections::VecDeque;

use super::order::fingerprint;
use super::violation::{Broken, Invariant};
use crate::fact::Change;
use crate::ids::{Offset, OrderId, Partition, PartyId, RequestId};
use crate::lifecycle::{Actor, Status};
use crate::partitioner::partition_of;
use crate::port::LogRecord;
use crate::request::{Command, Request};

/// Inputs are answered in the order of the log, so those without an outcome are a queue.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    unanswered: VecDeque<Input>,
    /// Everything below is answered.
    answered: Offset,
    /// Of every input's bytes: a forwarded one must be among those of its right partition.
    fingerprints: Vec<u64>,
    /// The bytes of inputs that were forwarded, and where to.
    forwarded: Vec<(Partition, u64, Offset)>,
}

#[derive(Debug)]
struct Input {
    offset: Offset,
    asked: Option<Asked>,
    fingerprint: u64,
}

/// What an input asked, if it is an input of this system.
#[derive(Debug)]
pub(super) struct Asked {
    order_id: OrderId,
    request: RequestId,
    change: Asking,
    /// The party that the sender is in the role of the actor.
    pub(super) party: Option<(Actor, PartyId)>,
    home: Partition,
}

impl Asked {
    /// A courier asks to change the courier.
    pub(super) fn is_of_a_courier(&self) -> bool {
        matches!((&self.change, &self.party), (Asking::Courier(_), Some((Actor::Courier, _))))
    }

    pub(super) fn new(request: &Request, partitions: u32) -> Self {
        Self {
            order_id: request.order_id.clone(),
            request: request.id.clone(),
            change: Asking::of(&request.command),
            party: request.party.clone().map(|party| (request.actor, party)),
            home: partition_of(&request.order_id, partitions),
        }
    }
}

/// The change that an input asked for.
#[derive(Debug)]
enum Asking {
    Status(Status),
    Courier(Option<PartyId>),
    Revocation,
}

impl Asking {
    fn of(command: &Command) -> Self {
        match command {
            Command::Place(_) => Asking::Status(Status::Placed),
            Command::Transition { to } => Asking::Status(*to),
            Command::Cancel => Asking::Status(Status::Cancelled),
            Command::Assign { courier_id } => Asking::Courier(courier_id.clone()),
            Command::RevokeTracking => Asking::Revocation,
        }
    }

    /// # Errors
    /// The end of a sentence, for a fact that is another change.
    fn check(&self, status: Status, change: &Change) -> Result<(), String> {
        match (self, change) {
            (Asking::Status(target), Change::Placed(_) | Change::Moved) if *target == status => Ok(()),
            (Asking::Courier(courier), Change::Assigned { courier_id }) if courier == courier_id => Ok(()),
            (Asking::Revocation, Change::TrackingRevoked) => Ok(()),
            (Asking::Status(target), _) => Err(format!("is {status}, it asked for {target}")),
            (Asking::Courier(_), _) => Err("is another change, it asked for a courier".to_owned()),
            (Asking::Revocation, _) => Err("is another change, it asked to revoke tracking links".to_owned()),
        }
    }
}

/// An outcome, as far as it must fit its input.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer<'a> {
    Fact { order_id: &'a OrderId, request: &'a RequestId, status: Status, change: &'a Change },
    Decided { order_id: Option<&'a OrderId>, request: Option<&'a RequestId> },
    Forwarded { to: Partition },
    DeadLettered,
}

impl Inputs {
    pub(super) fn asked(&mut self, record: &LogRecord, asked: Option<Asked>) {
        let fingerprint = fingerprint(&record.payload);
        self.fingerprints.push(fingerprint);
        self.unanswered.push_back(Input { offset: record.offset, asked, fingerprint });
    }

    /// The input at `offset` is the next one that has no outcome.
    pub(super) fn check_next(&self, offset: Offset) -> Result<(), Broken> {
        let next = self.first_unanswered();
        if next == Some(offset) {
            return Ok(());
        }
        let found = match next {
            _ if offset < self.answered => format!("the input at offset {offset} has a second outcome"),
            Some(next) if next < offset => {
                format!("the input at offset {offset} is answered, the one at {next} before it is not")
            }
            _ => format!("an outcome answers offset {offset}, which is no earlier input"),
        };
        let skipped = next.is_some_and(|next| next < offset) && offset >= self.answered;
        Err(Broken::new(if skipped { Invariant::I3 } else { Invariant::I2 }, found))
    }

    /// Adds the outcome of the input at `offset` of `partition`. Answers what the input asked.
    pub(super) fn answered(
        &mut self,
        partition: Partition,
        offset: Offset,
        answer: Answer<'_>,
    ) -> Result<Option<Asked>, Broken> {
        self.check_next(offset)?;
        let Some(input) = self.unanswered.pop_front() else { return Ok(None) };
        self.answered = offset.next();
        if let Answer::Forwarded { to } = answer {
            self.forwarded.push((to, input.fingerprint, offset));
        }
        match fits(input.asked.as_ref(), partition, answer) {
            Ok(()) => Ok(input.asked),
            Err(problem) => {
                let found = format!("the outcome of the input at offset {offset} {problem}");
                Err(Broken::new(Invariant::I2, found))
            }
        }
    }

    /// A timer's fact states that everything before `next` was answered when it fired.
    pub(super) fn timer_fired(&self, next: Offset) -> Result<(), Broken> {
        match self.unanswered.front() {
            Some(input) if input.offset < next => Err(Broken::new(
                Invariant::I3,
                format!(
                    "a timer fired at input {next}, the one at {} before it has no outcome",
                    input.offset
                ),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn first_unanswered(&self) -> Option<Offset> {
        self.unanswered.front().map(|input| input.offset)
    }

    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    pub(super) fn forwarded(&self) -> &[(Partition, u64, Offset)] {
        &self.forwarded
    }

    /// The fingerprints of all inputs, sorted.
    pub(super) fn into_sorted_fingerprints(self) -> Vec<u64> {
        let mut fingerprints = self.fingerprints;
        fingerprints.sort_unstable();
        fingerprints
    }
}

fn fits(asked: Option<&Asked>, partition: Partition, answer: Answer<'_>) -> Result<(), String> {
    // A build that reads less than this one may have dead-lettered what this one could read. An owner dead-letters an unsigned
    // input that its log key and roles do not permit, and the audit knows neither.
    let (Some(asked), false) = (asked, matches!(answer, Answer::DeadLettered)) else {
        let dead = matches!(answer, Answer::DeadLettered);
        return if dead { Ok(()) } else { Err("is a decision, and the input is no request".to_owned()) };
    };
    let here = asked.home == partition;
    let same = |order_id: &OrderId, request: &RequestId| {
        if (order_id, request) == (&asked.order_id, &asked.request) {
            return Ok(());
        }
        let (asked_id, asked_order) = (&asked.request, &asked.order_id);
        Err(format!("names request {request} of order {order_id}; it is {asked_id} of {asked_order}"))
    };
    match answer {
        Answer::Forwarded { to } if here || to != asked.home => {
            Err(format!("forwards it to partition {to}, its order belongs to {}", asked.home))
        }
        Answer::Forwarded { .. } | Answer::DeadLettered => Ok(()),
        _ if !here => Err(format!("is a decision, its order belongs to partition {}", asked.home)),
        Answer::Fact { order_id, request, status, change } => {
            same(order_id, request)?;
            asked.change.check(status, change)
        }
        Answer::Decided { order_id: Some(order_id), request: Some(request) } => same(order_id, request),
        Answer::Decided { .. } => Err("does not say which request it answers".to_owned()),
    }
}
