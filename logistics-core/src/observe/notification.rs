//! Deliveries of notifications.

use std::time::Duration;

use crate::ids::{Offset, OrderId, Partition, Timestamp, Version};
use crate::lifecycle::Status;
use crate::port::NotifyErrorKind;
use crate::trace::TraceContext;

/// How an attempt to deliver a notification ended, or why its record was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotificationEnd {
    /// The notifier accepted it.
    Delivered,
    /// The attempt failed; a retry follows.
    Retried(NotifyErrorKind),
    /// The notifier rejected it for good, or panicked. It is skipped and stays in the log.
    Undeliverable(NotifyErrorKind),
    /// The record is not a valid notification. It is skipped and stays in the log.
    Undecodable,
    /// Retention removed this number of records before the channel read them.
    Gone(u64),
}

impl NotificationEnd {
    /// The end as text, in lower case with underscores. It never changes.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            NotificationEnd::Delivered => "delivered",
            NotificationEnd::Retried(_) => "retried",
            NotificationEnd::Undeliverable(_) => "undeliverable",
            NotificationEnd::Undecodable => "undecodable",
            NotificationEnd::Gone(_) => "gone",
        }
    }
}

/// An attempt to deliver a notification, or a record that was skipped.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NotificationReport<'a> {
    /// The channel's name.
    pub channel: &'a str,
    /// The partition.
    pub partition: Partition,
    /// The record's offset.
    pub offset: Offset,
    /// The order, its version and its status; `None` if the record could not be decoded.
    pub order: Option<(&'a OrderId, Version, Status)>,
    /// The end.
    pub end: NotificationEnd,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// When the attempt began.
    pub began: Timestamp,
    /// From the call of the notifier to its result.
    pub elapsed: Duration,
    /// From the fact to the end of this attempt.
    pub age: Duration,
    /// The span of the attempt.
    pub span: Option<TraceContext>,
    /// The fact's span.
    pub parent: Option<TraceContext>,
}

impl<'a> NotificationReport<'a> {
    /// A report of a record without an attempt. The fields are public: set what else it has.
    #[must_use]
    pub fn new(channel: &'a str, partition: Partition, offset: Offset, end: NotificationEnd) -> Self {
        Self {
            channel,
            partition,
            offset,
            order: None,
            end,
            attempt: 0,
            began: Timestamp::default(),
            elapsed: Duration::ZERO,
            age: Duration::ZERO,
            span: None,
            parent: None,
        }
    }
}
