//! Telling people.

use async_trait::async_trait;

use crate::notify::Notification;

/// A notification that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotifyError {
    /// Trying again may succeed.
    pub retryable: bool,
    /// What happened, for people.
    pub message: String,
}

/// Tells people what happened.
///
/// To be correct, an adapter answers `Ok` only once the notification was handed over for good, and takes the same
/// notification twice without harm: delivery is at least once, and order id and version name a notification.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers one notification.
    ///
    /// # Errors
    /// [`NotifyError`], which says whether trying again may help.
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError>;
}
