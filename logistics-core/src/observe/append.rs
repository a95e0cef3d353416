//! Appends of requests to the log.

use std::time::Duration;

use crate::ids::{Offset, OrderId, Partition, RequestId, Timestamp};
use crate::port::PortErrorKind;
use crate::trace::TraceContext;

/// A request that was appended to the log, or could not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendReport<'a> {
    /// The order.
    pub order_id: &'a OrderId,
    /// The request.
    pub request: &'a RequestId,
    /// The partition of the order.
    pub partition: Partition,
    /// Its offset, or the kind of the error.
    pub outcome: Result<Offset, PortErrorKind>,
    /// Size of the record in bytes.
    pub bytes: usize,
    /// When the append began.
    pub began: Timestamp,
    /// From the append to its result.
    pub elapsed: Duration,
    /// The span of the append, which the record carries.
    pub span: Option<TraceContext>,
    /// The span of the interface's call.
    pub parent: Option<TraceContext>,
}

impl<'a> AppendReport<'a> {
    /// A report without spans. The fields are public: set what else it has.
    #[must_use]
    pub fn new(
        (order_id, request): (&'a OrderId, &'a RequestId),
        partition: Partition,
        outcome: Result<Offset, PortErrorKind>,
        bytes: usize,
        began: Timestamp,
        elapsed: Duration,
    ) -> Self {
        Self { order_id, request, partition, outcome, bytes, began, elapsed, span: None, parent: None }
    }
}
