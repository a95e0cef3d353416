//! The error of every port.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::named::named;

named! {
    /// What kind of failure it was: what a caller can act on.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum PortErrorKind {
        /// It did not answer or could not: trying again may help.
        Unavailable => "unavailable",
        /// There is no room left. Trying again helps once there is.
        StorageFull => "storage_full",
        /// The other side refuses: settings, credentials, a wrong partition count. Trying again does not help.
        Refused => "refused",
        /// What was read is not what was written: never skip over it.
        Corrupt => "corrupt",
        /// The position lies before the log's start: what was there is gone.
        Truncated => "truncated",
        /// The record is larger than the log takes.
        TooLarge => "too_large",
        /// This side was closed.
        Closed => "closed",
    }
    /// The kind as text, in lower case with underscores. It never changes.
    pub fn code;
}

impl PortErrorKind {
    /// Trying the same again may succeed.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, PortErrorKind::Unavailable | PortErrorKind::StorageFull)
    }
}

/// A port's failure: what kind, and a sentence that says what happened, where, and what to do.
#[derive(Debug, Clone)]
pub struct PortError {
    kind: PortErrorKind,
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl PortError {
    /// An error of that kind with a sentence for people.
    pub fn new(kind: PortErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same, with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What kind of failure it was.
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
