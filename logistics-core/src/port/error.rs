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
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An error of this kind, with a sentence for people.
    pub fn new(kind: PortErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
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
