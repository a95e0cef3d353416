//! The port to the receivers of a channel.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};

use super::effect::{AttemptOutcome, EndpointStatus};
use crate::ids::{EndpointId, Timestamp};
use crate::notify::Notification;

/// One attempt to deliver a notification to an endpoint.
///
/// Exhaustive: adding a field is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What is delivered. Its trace is that of the attempt.
    pub notification: Arc<Notification>,
    /// The number of the attempt, from 1.
    pub number: u32,
}

/// What changed among the receivers of a channel.
///
/// Exhaustive: adding a variant is a breaking change ([why](crate::port#exhaustive-types)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReceiverChange {
    /// An endpoint has this status.
    Status(EndpointId, EndpointStatus),
    /// Every endpoint that existed at the start is known.
    CaughtUp,
}

impl ReceiverChange {
    /// The changes of receivers that never change: these endpoints are enabled.
    pub fn fixed(endpoints: impl IntoIterator<Item = EndpointId>) -> BoxStream<'static, Self> {
        let enabled = |endpoint| Self::Status(endpoint, EndpointStatus::Enabled);
        let mut changes: Vec<Self> = endpoints.into_iter().map(enabled).collect();
        changes.push(Self::CaughtUp);
        stream::iter(changes).boxed()
    }
}

/// The receivers of a channel: who receives a notification, and one attempt to deliver it to one of them.
///
/// To be correct, an adapter reports in [`changes`](Self::changes) each endpoint that it names in
/// [`receivers`](Self::receivers), and a delivery that is repeated does no harm: delivery is at least once, and endpoint, order id
/// and version identify one. It neither retries nor queues: the deliveries of the channel do.
#[async_trait]
pub trait Receivers: Send + Sync {
    /// The endpoints and their changes, from now on. It yields [`ReceiverChange::CaughtUp`] once, and may end after that. It is
    /// called once.
    fn changes(&self) -> BoxStream<'static, ReceiverChange>;

    /// The endpoints that receive the notification; each once.
    fn receivers(&self, notification: &Notification) -> Vec<EndpointId>;

    /// Makes one attempt, and returns how it ended.
    async fn deliver(&self, attempt: Attempt) -> AttemptOutcome;

    /// Disables an endpoint. `failing_since`: since when every attempt failed; `None`: it wants no more messages. By default,
    /// nothing happens: receivers that cannot be disabled get further attempts.
    async fn disable(&self, endpoint: &EndpointId, failing_since: Option<Timestamp>) {
        let _ = (endpoint, failing_since);
    }

    /// A delivery to the endpoint is dead. An adapter may notify the owner of the endpoint. By default, nothing happens.
    async fn dead(&self, endpoint: &EndpointId, notification: &Notification) {
        let _ = (endpoint, notification);
    }
}
