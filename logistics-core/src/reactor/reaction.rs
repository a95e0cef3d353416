//! The port to a reactor, and what it answers.

use async_trait::async_trait;

use super::error::ReactError;
use crate::ids::{PartyId, Reason, Version};
use crate::lifecycle::Status;
use crate::notify::Notification;
use crate::request::Command;

/// A request that follows from a notification, about the same order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Reaction {
    /// What it requests. A placement is not permitted: its order would be another one.
    pub command: Command,
    /// The version that the order must have. `None`: any version.
    pub expected_version: Option<Version>,
    /// The reason.
    pub reason: Option<Reason>,
}

impl Reaction {
    /// A request for this command, for any version and without a reason.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self { command, expected_version: None, reason: None }
    }

    /// Moves the order to another status.
    #[must_use]
    pub fn transition(to: Status) -> Self {
        Self::new(Command::Transition { to })
    }

    /// Cancels the order.
    #[must_use]
    pub fn cancel() -> Self {
        Self::new(Command::Cancel)
    }

    /// Sets the order's courier.
    #[must_use]
    pub fn assign(courier: PartyId) -> Self {
        Self::new(Command::Assign { courier_id: Some(courier) })
    }

    /// Clears the order's courier.
    #[must_use]
    pub fn unassign() -> Self {
        Self::new(Command::Assign { courier_id: None })
    }

    /// Sets the version that the order must have. With the version of the notification, the request is rejected if the order
    /// has changed since.
    #[must_use]
    pub fn with_expected_version(mut self, expected: Version) -> Self {
        self.expected_version = Some(expected);
        self
    }

    /// Sets the reason.
    #[must_use]
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }
}

/// Reacts to notifications with requests about the same order.
///
/// To be correct, a reactor does no harm if it gets the same notification twice: delivery is at least once, and order id and
/// version identify a notification. It neither retries nor queues: the driver retries from the log.
#[async_trait]
pub trait Reactor: Send + Sync {
    /// Whether the reactor reacts to this notification. The answer depends on the notification only.
    ///
    /// A reactor that reacts to what its own requests cause does so for ever: name the facts that it waits for.
    fn concerns(&self, notification: &Notification) -> bool;

    /// Reacts, and returns the requests that follow, in order. There may be none.
    ///
    /// # Errors
    /// [`ReactError`]; its kind says when the driver calls again.
    async fn react(&self, notification: &Notification) -> Result<Vec<Reaction>, ReactError>;
}
