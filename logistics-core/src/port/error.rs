//! The error of every port.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::named::named;

named! {
    /// The kind of a failure: what a caller can act on.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum PortErrorKind {
        /// No answer, or temporarily unable. A retry may succeed.
        Unavailable => "unavailable",
        /// The storage is full. A retry succeeds once there is room.
        StorageFull => "storage_full",
        /// The other side rejects settings, credentials or the partition count. A retry does not help.
        Refused => "refused",
        /// The data read is not the data written. Never skip it.
        Corrupt => "corrupt",
        /// The position lies before the log's start: the records there are deleted.
        Truncated => "truncated",
        /// The record exceeds the log's limit.
        TooLarge => "too_large",
        /// This side is closed.
        Closed => "closed",
    }
    /// The kind as text, in lower case with underscores. It never changes.
    pub fn code;
}

impl PortErrorKind {
    /// A retry of the same call may succeed.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, PortErrorKind::Unavailable | PortErrorKind::StorageFull)
    }
}

/// A port's failure: its kind, and a sentence with what failed, where, and what to do.
#[derive(Debug, Clone)]
pub struct PortError {
    kind: PortErrorKind,
    message: String,
    retry_after_ms: Option<u64>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An error of this kind, with a sentence for people.
    pub fn new(kind: PortErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None, source: None }
    }

    /// The same, for a call that was not made, with the minimum wait before the next one, in milliseconds.
    #[must_use]
    pub fn with_retry_after_ms(mut self, retry_after_ms: u64) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// The same, with its cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The kind of the failure.
    #[must_use]
    pub fn kind(&self) -> PortErrorKind {
        self.kind
    }

    /// The minimum wait before the next call in milliseconds. Only a call that was not made has it, for example because a circuit
    /// breaker is open: it has changed nothing.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }
}

impl fmt::Display for PortError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for PortError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}
