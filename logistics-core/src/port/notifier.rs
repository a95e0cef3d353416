//! Delivering notifications.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::named::named;
use crate::notify::Notification;

named! {
    /// The kind of a failure: what a caller can act on.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum NotifyErrorKind {
        /// No answer, or temporarily unable. A retry may succeed.
        Unavailable => "unavailable",
        /// The other side limits the rate. A retry may succeed, after [`NotifyError::retry_after_ms`] if it is known.
        RateLimited => "rate_limited",
        /// The other side cannot take this notification now, for example because a mailbox is full. It may take others. A retry
        /// may succeed.
        Deferred => "deferred",
        /// The other side rejects the channel's credentials or settings, so every notification would fail. The driver retries,
        /// so none is lost until an operator has corrected them.
        Unauthorized => "unauthorized",
        /// The other side rejects this notification for good, for example because its address does not exist. A retry does not
        /// help.
        Rejected => "rejected",
        /// The channel cannot express this notification, or has no address for it. A retry does not help.
        Invalid => "invalid",
    }
    /// The kind as text, in lower case with underscores. It never changes.
    pub fn code;
}

impl NotifyErrorKind {
    /// A retry of the same notification may succeed.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            NotifyErrorKind::Unavailable
            | NotifyErrorKind::RateLimited
            | NotifyErrorKind::Deferred
            | NotifyErrorKind::Unauthorized => true,
            NotifyErrorKind::Rejected | NotifyErrorKind::Invalid => false,
        }
    }
}

/// A notification was not delivered: the kind of the failure, and a sentence with what failed, where, and what to do.
#[derive(Debug, Clone)]
pub struct NotifyError {
    kind: NotifyErrorKind,
    message: String,
    retry_after_ms: Option<u64>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl NotifyError {
    /// An error of this kind, with a sentence for people.
    pub fn new(kind: NotifyErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None, source: None }
    }

    /// The same, with the minimum wait that the other side requires before a retry, in milliseconds.
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
    pub fn kind(&self) -> NotifyErrorKind {
        self.kind
    }

    /// A retry of the same notification may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    /// The minimum wait before a retry in milliseconds, if the other side gave one. It applies to retryable kinds only,
    /// and the driver bounds it.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for NotifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}

/// Delivers notifications over one channel.
///
/// To be correct, an adapter returns `Ok` only once the other side has accepted the notification for good, and accepts the
/// same notification twice without harm: delivery is at least once, and order id and version identify a notification. It
/// neither retries nor queues: the driver retries from the log.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers one notification. Clients write its texts (the reason, the ids of parties): the adapter escapes them for
    /// its output format.
    ///
    /// # Errors
    /// [`NotifyError`]; its kind shows whether a retry may succeed.
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError>;
}
