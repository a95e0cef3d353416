//! Delivering notifications.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::notify::Notification;

/// What kind of failure it was: what a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NotifyErrorKind {
    /// The other side did not answer, or could not take it. A retry may succeed.
    Unavailable,
    /// The other side takes no more for now. A retry may succeed, after [`NotifyError::retry_after_ms`] where it is known.
    RateLimited,
    /// The other side refuses the channel's credentials or settings, so every notification would fail. It is retried, so
    /// that none is lost until an operator has corrected them.
    Unauthorized,
    /// The other side refuses this notification for good: its address does not exist, for example. A retry does not help.
    Rejected,
    /// The channel cannot express this notification, or has no address for it. A retry does not help.
    Invalid,
}

impl NotifyErrorKind {
    /// A retry of the same notification may succeed.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            NotifyErrorKind::Unavailable | NotifyErrorKind::RateLimited | NotifyErrorKind::Unauthorized => {
                true
            }
            NotifyErrorKind::Rejected | NotifyErrorKind::Invalid => false,
        }
    }
}

/// A notification that was not delivered: what kind of failure, and a sentence that says what failed, where, and what to do.
#[derive(Debug, Clone)]
pub struct NotifyError {
    kind: NotifyErrorKind,
    message: String,
    retry_after_ms: Option<u64>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl NotifyError {
    /// An error of that kind with a sentence for people.
    pub fn new(kind: NotifyErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after_ms: None, source: None }
    }

    /// The same, with the time that the other side wants to be left alone: milliseconds before the next try at least.
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

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> NotifyErrorKind {
        self.kind
    }

    /// A retry of the same notification may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    /// Milliseconds before the next try at least, where the other side named a time. It counts for retryable kinds only,
    /// and a driver bounds it.
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
/// same notification twice without harm: delivery is at least once, and order id and version name a notification. It
/// neither retries nor queues: the driver does, from the log.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers one notification. Its texts come from clients (the reason, the ids of parties): an adapter escapes them for
    /// the format that it writes.
    ///
    /// # Errors
    /// [`NotifyError`], whose kind says whether a retry may succeed.
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError>;
}
