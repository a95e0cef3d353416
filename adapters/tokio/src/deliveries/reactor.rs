//! A reactor as the one receiver of a channel.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use logistics_core::delivery::{Attempt, AttemptOutcome, Problem, ReceiverChange, Receivers};
use logistics_core::notify::Notification;
use logistics_core::port::{Clock, EventBus, PortErrorKind};
use logistics_core::reactor::{
    Authority, ReactError, ReactErrorKind, Reactor, ReactorName, append_requests, requests,
};
use logistics_core::wire::LogKeys;
use logistics_core::{Actor, EndpointId, PartyId};
use tracing::{info, warn};

use super::options::DeliveryOptions;
use super::service::DeliveryService;

/// The options of a reactor.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReactorOptions {
    /// The name of the reactor. Its requests have ids made from it, so a renamed reactor starts anew.
    pub name: ReactorName,
    /// The role in which it acts. Choose the one with the fewest rights that suffice.
    pub actor: Actor,
    /// Restricts it to the orders of this party in the role. Default: all orders.
    pub party: Option<PartyId>,
    /// The keys that sign its requests, if the log has keys.
    pub log_keys: Option<LogKeys>,
    /// How its channel is delivered to. Its group is `notification-service.reactor.<name>` by default, and one call of the
    /// reactor may take [`DeliveryOptions::attempt_ms_max`].
    pub delivery: DeliveryOptions,
}

impl ReactorOptions {
    /// The defaults for a reactor with this name that acts in this role.
    #[must_use]
    pub fn new(name: ReactorName, actor: Actor) -> Self {
        let delivery = DeliveryOptions::new(name.channel());
        Self { name, actor, party: None, log_keys: None, delivery }
    }
}

impl DeliveryService {
    /// Starts a reactor in the background: it gets each notification that concerns it, and the requests that it answers are appended
    /// before the notification counts as delivered.
    ///
    /// Of one order, it gets one notification at a time, in the order of the versions. A call that fails or takes long holds up no
    /// other order.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start_reactor(
        bus: Arc<dyn EventBus>,
        reactor: Arc<dyn Reactor>,
        clock: Arc<dyn Clock>,
        options: ReactorOptions,
    ) -> Self {
        let ReactorOptions { name, actor, party, log_keys, delivery } = options;
        let mut authority = Authority::of_reactor(&name, actor);
        if let Some(party) = party {
            authority = authority.with_party(party);
        }
        let receiver = ReactorReceiver {
            endpoint: name.endpoint(),
            name,
            authority,
            reactor,
            bus: bus.clone(),
            clock: clock.clone(),
            log_keys,
        };
        Self::start(bus, Arc::new(receiver), clock, delivery)
    }
}

struct ReactorReceiver {
    name: ReactorName,
    endpoint: EndpointId,
    authority: Authority,
    reactor: Arc<dyn Reactor>,
    bus: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    log_keys: Option<LogKeys>,
}

#[async_trait]
impl Receivers for ReactorReceiver {
    fn changes(&self) -> BoxStream<'static, ReceiverChange> {
        ReceiverChange::fixed([self.endpoint.clone()])
    }

    fn receivers(&self, notification: &Notification) -> Vec<EndpointId> {
        if self.reactor.concerns(notification) { vec![self.endpoint.clone()] } else { Vec::new() }
    }

    async fn deliver(&self, attempt: Attempt) -> AttemptOutcome {
        let Notification { order_id, version, .. } = &*attempt.notification;
        let reactions = match self.reactor.react(&attempt.notification).await {
            Ok(reactions) => reactions,
            Err(why) => {
                info!(reactor = %self.name, %order_id, %version, kind = why.kind().code(), %why, "the reactor has no answer");
                return outcome_of(&why);
            }
        };
        let requests = match requests(&self.authority, &attempt.notification, reactions, self.clock.now()) {
            Ok(requests) => requests,
            Err(why) => {
                warn!(reactor = %self.name, %order_id, %version, %why, "the answer of the reactor cannot be requested");
                return AttemptOutcome::Rejected { problem: Problem::new("invalid_reaction", None) };
            }
        };
        match append_requests(&*self.bus, self.log_keys.as_ref(), &requests).await {
            Ok(()) => AttemptOutcome::Delivered,
            Err(why) => {
                warn!(reactor = %self.name, %order_id, %version, %why, "failed to append the requests of the reactor");
                let problem = Problem::new(why.kind().code(), None);
                match why.kind() {
                    PortErrorKind::TooLarge => AttemptOutcome::Rejected { problem },
                    _ => AttemptOutcome::Failed { problem, retry_after_ms: None },
                }
            }
        }
    }
}

fn outcome_of(why: &ReactError) -> AttemptOutcome {
    let problem = Problem::new(why.kind().code(), None);
    let retry_after_ms = why.retry_after_ms();
    match why.kind() {
        ReactErrorKind::NotYet => AttemptOutcome::Postponed { after_ms: retry_after_ms.unwrap_or(0) },
        ReactErrorKind::Rejected => AttemptOutcome::Rejected { problem },
        // Other kinds are failures.
        _ => AttemptOutcome::Failed { problem, retry_after_ms },
    }
}
