//! What stands in the log, as a live processor sees it.

use crate::ids::{Offset, OrderId, Partition, Timestamp};
use crate::partitioner::partition_of;
use crate::port::LogRecord;
use crate::request::Request;
use crate::wire::{self, Record};

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
    Dead { record: LogRecord, reason: String },
}

impl Input {
    /// The order whose state is needed to answer it.
    pub(super) fn order_id(&self) -> Option<&OrderId> {
        match &self.kind {
            InputKind::Request(request) => Some(&request.order_id),
            InputKind::Misplaced { .. } | InputKind::Dead { .. } => None,
        }
    }
}

/// How much of a reason goes into an outcome: a foreign record may be long, and what is said about it must fit anyway.
const REASON_CHARS_MAX: usize = 300;

/// The input that a record is; `None` for what an owner wrote, which a live processor knows already.
///
/// # Errors
/// A sentence, for a record of an owner that this build cannot read: it must not be skipped.
pub(super) fn read_input(
    record: LogRecord,
    partition: Partition,
    partitions: u32,
) -> Result<Option<Input>, String> {
    if wire::is_surely_from_processor(&record.payload) {
        return Ok(None);
    }
    let (offset, at) = (record.offset, record.at);
    let kind = match wire::decode(&record, partition) {
        Ok(Record::Input(request)) => match partition_of(&request.order_id, partitions) {
            here if here == partition => InputKind::Request(Box::new(request)),
            to => InputKind::Misplaced { record, request: Box::new(request), to },
        },
        Ok(Record::Fact(_) | Record::Outcome(_)) => return Ok(None),
        Err(error) if error.from_processor => return Err(unreadable(partition, offset, &error)),
        Err(error) => {
            let reason = error.to_string().chars().take(REASON_CHARS_MAX).collect();
            InputKind::Dead { record, reason }
        }
    };
    Ok(Some(Input { offset, at, kind }))
}

/// What is said of an owner's record that this build cannot read.
pub(super) fn unreadable(partition: Partition, offset: Offset, error: &wire::DecodeError) -> String {
    format!(
        "the record at offset {offset} of partition {partition} is a fact or an outcome that this build cannot read \
         ({error}); run a build that can"
    )
}
