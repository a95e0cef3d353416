//! Why a reactor has no answer.

use std::fmt;

use crate::named::named;

named! {
    /// When the driver calls a reactor again that had no answer.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum ReactErrorKind {
        /// It failed. The driver retries with growing delays. After the last retry, the notification is a dead letter.
        Unavailable => "unavailable",
        /// It has no result yet. The driver calls again when the reactor wants, and counts no failure.
        NotYet => "not_yet",
        /// It can never react to this notification. The notification is a dead letter at once.
        Rejected => "rejected",
    }
    /// The kind as text, in lower case with underscores. It never changes.
    pub fn code;
}

/// A reactor has no answer: the kind, and a sentence with what failed, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReactError {
    kind: ReactErrorKind,
    message: String,
    retry_after_ms: Option<u64>,
}

impl ReactError {
    /// It failed, and a retry may succeed.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { kind: ReactErrorKind::Unavailable, message: message.into(), retry_after_ms: None }
    }

    /// It has no result yet: call again after this many milliseconds. What waits is stored, so the wait survives a crash, and
    /// costs no attempt. The driver bounds the wait to 24 h.
    pub fn not_yet(message: impl Into<String>, again_after_ms: u64) -> Self {
        let retry_after_ms = Some(again_after_ms);
        Self { kind: ReactErrorKind::NotYet, message: message.into(), retry_after_ms }
    }

    /// It can never react to this notification.
    pub fn rejected(message: impl Into<String>) -> Self {
        Self { kind: ReactErrorKind::Rejected, message: message.into(), retry_after_ms: None }
    }

    /// The same, with the minimum wait that the other side requires before a retry, in milliseconds.
    #[must_use]
    pub fn with_retry_after_ms(mut self, retry_after_ms: u64) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> ReactErrorKind {
        self.kind
    }

    /// The minimum wait before the next call in milliseconds.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }
}

impl fmt::Display for ReactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReactError {}
