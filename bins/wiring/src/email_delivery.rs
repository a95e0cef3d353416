//! The channel of e-mails: one receiver for each role, so that the e-mail to one party waits for no other.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use logistics_core::delivery::{Attempt, AttemptOutcome, ReceiverChange, Receivers};
use logistics_core::notify::Notification;
use logistics_core::port::{EventBus, Notifier, NotifyError, StartAt};
use logistics_core::{Actor, ChannelName, EndpointId};
use logistics_layers::Layer;
use logistics_tokio::{DeliveryOptions, DeliveryService, NotifierReceiver, SystemClock};

use crate::telemetry::Telemetry;

/// The name of the channel. It names the group and what waits, so it never changes.
const CHANNEL: &str = "email";
/// The roles whose parties can have a contact, and their receivers. The ids never change, likewise.
const RECEIVERS: [(Actor, &str); 2] =
    [(Actor::Customer, "email-customer"), (Actor::Merchant, "email-merchant")];
/// Maximum time for an attempt, in milliseconds: above the limits of the notifier, which reports them in better words. A shorter one
/// would repeat messages that a slow server accepts.
const ATTEMPT_MS_MAX: u64 = 100_000;
/// Failed attempts in a row after which the channel pauses. One server is behind all mailboxes. A mailbox that defers a message
/// counts as no failure.
const BREAKER_FAILURES: u32 = 20;

/// What the e-mails need to start.
pub struct EmailDelivery {
    notifier: Arc<dyn Notifier>,
    in_flight_max: usize,
}

impl EmailDelivery {
    /// E-mails over this notifier, which sends to the contacts of the recipients. `in_flight_max`: attempts at the same time for each
    /// role. More than the connections of the notifier would wait there, and their wait counts towards the time limit.
    #[must_use]
    pub fn over(notifier: Arc<dyn Notifier>, in_flight_max: usize) -> Self {
        Self { notifier, in_flight_max }
    }

    /// Starts the deliveries.
    pub(crate) fn start(
        self,
        bus: Arc<dyn EventBus>,
        from: Option<StartAt>,
        telemetry: &Telemetry,
    ) -> DeliveryService {
        let mut options = DeliveryOptions::new(valid(ChannelName::parse(CHANNEL)));
        (options.from, options.contacts, options.attempt_ms_max) = (from, true, ATTEMPT_MS_MAX);
        options.settings.breaker_failures = BREAKER_FAILURES;
        options.settings.in_flight_endpoint_max = self.in_flight_max.max(1);
        options.observers = telemetry.observers();
        let receivers = Arc::new(Roles::new(&self.notifier));
        let bus = telemetry.layer().over(bus);
        let deliveries = DeliveryService::start(bus, receivers, Arc::new(SystemClock), options);
        telemetry.watch(deliveries.gauges());
        deliveries
    }
}

/// The receivers of the channel.
struct Roles(Vec<(Actor, EndpointId, NotifierReceiver)>);

impl Roles {
    fn new(notifier: &Arc<dyn Notifier>) -> Self {
        let receiver = |(role, id)| {
            let id = valid(EndpointId::parse(id));
            let notifier = Arc::new(OfRole { role, notifier: notifier.clone() });
            (role, id.clone(), NotifierReceiver::new(id, notifier))
        };
        Self(RECEIVERS.into_iter().map(receiver).collect())
    }
}

#[async_trait]
impl Receivers for Roles {
    fn changes(&self) -> BoxStream<'static, ReceiverChange> {
        ReceiverChange::fixed(self.0.iter().map(|(_, id, _)| id.clone()))
    }

    /// Nothing waits for a party without an address.
    fn receivers(&self, notification: &Notification) -> Vec<EndpointId> {
        let is_reached =
            |role: Actor| notification.recipients.iter().any(|to| to.role == role && to.contact.is_some());
        self.0.iter().filter(|(role, ..)| is_reached(*role)).map(|(_, id, _)| id.clone()).collect()
    }

    async fn deliver(&self, attempt: Attempt) -> AttemptOutcome {
        match self.0.iter().find(|(_, id, _)| *id == attempt.endpoint) {
            Some((_, _, receiver)) => receiver.deliver(attempt).await,
            // An endpoint that this build does not have received nothing, and nothing waits for it.
            None => AttemptOutcome::Delivered,
        }
    }
}

/// Notifies the recipient in one role, and logs why that failed.
struct OfRole {
    role: Actor,
    notifier: Arc<dyn Notifier>,
}

#[async_trait]
impl Notifier for OfRole {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let mut notification = notification.clone();
        notification.recipients.retain(|recipient| recipient.role == self.role);
        let notified = self.notifier.notify(&notification).await;
        if let Err(why) = &notified {
            let Notification { order_id, version, .. } = &notification;
            tracing::warn!(%order_id, %version, role = self.role.name(), %why, "an e-mail failed");
        }
        notified
    }
}

/// The constants above are valid.
fn valid<T>(parsed: Result<T, logistics_core::InvalidText>) -> T {
    parsed.unwrap_or_else(|why| unreachable!("a constant is invalid: {why}"))
}
