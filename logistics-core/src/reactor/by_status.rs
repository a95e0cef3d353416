//! A reactor made of an async function.

use async_trait::async_trait;

use super::error::ReactError;
use super::reaction::{Reaction, Reactor};
use crate::lifecycle::Status;
use crate::notify::Notification;

/// The reactor of [`on_status`].
#[derive(Debug, Clone)]
pub struct ByStatus<F> {
    status: Status,
    react: F,
}

/// A reactor that calls an async function for each order that enters `status`. Facts that keep the status, such as an
/// assignment, do not concern it.
pub fn on_status<F, R>(status: Status, react: F) -> ByStatus<F>
where
    F: Fn(Notification) -> R + Send + Sync,
    R: Future<Output = Result<Vec<Reaction>, ReactError>> + Send,
{
    ByStatus { status, react }
}

#[async_trait]
impl<F, R> Reactor for ByStatus<F>
where
    F: Fn(Notification) -> R + Send + Sync,
    R: Future<Output = Result<Vec<Reaction>, ReactError>> + Send,
{
    fn concerns(&self, notification: &Notification) -> bool {
        let Notification { status, late, assignment, tracking_revoked, .. } = notification;
        let is_move = !late && assignment.is_none() && !tracking_revoked;
        is_move && *status == self.status
    }

    async fn react(&self, notification: &Notification) -> Result<Vec<Reaction>, ReactError> {
        (self.react)(notification.clone()).await
    }
}
