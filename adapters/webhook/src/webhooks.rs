//! The webhook endpoints as receivers of notifications.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use logistics_core::delivery::{Attempt, AttemptOutcome, Problem, ReceiverChange, Receivers};
use logistics_core::limits::REPLY_BYTES_MAX;
use logistics_core::notify::Notification;
use logistics_core::port::{Clock, EventBus, PortErrorKind, Topic};
use logistics_core::reactor::{Authority, InvalidReaction, append_requests, parse_reply, requests};
use logistics_core::webhook::{
    DisabledReason, Endpoint, EndpointChange, EndpointFact, EndpointId, MessageId, ReplyUse, WebhookRequest,
    WebhookResponse, WebhookSender, endpoint_partition, order_event,
};
use logistics_core::wire::LogKeys;
use logistics_core::{RequestId, Timestamp, wire};
use tracing::{error, warn};

use crate::follow::{Opener, follow};
use crate::owner_messages::OwnerMessages;
use crate::registry::Registry;

/// The webhook endpoints of the log, as the receivers of the channel `webhooks`.
///
/// It follows the facts about endpoints, finds those that receive a notification, and sends each message signed. An endpoint that
/// answers 410, or fails for days, is disabled by a fact, and its owner gets a message. If the endpoint is set so, its reply has requests,
/// which are appended with the rights of its owner before the message counts as delivered.
pub struct Webhooks {
    bus: Arc<dyn EventBus>,
    sender: Arc<dyn WebhookSender>,
    clock: Arc<dyn Clock>,
    registry: Registry,
    owner_messages: OwnerMessages,
    public_url: Option<String>,
    opener: Option<Opener>,
    log_keys: Option<LogKeys>,
}

impl Webhooks {
    /// The endpoints of this log, to which the sender sends.
    #[must_use]
    pub fn new(bus: Arc<dyn EventBus>, sender: Arc<dyn WebhookSender>, clock: Arc<dyn Clock>) -> Self {
        let registry = Registry::new(bus.partitions());
        let owner_messages = OwnerMessages {
            registry: registry.clone(),
            sender: sender.clone(),
            clock: clock.clone(),
            dead_letters_told: Arc::default(),
        };
        Self { bus, sender, clock, registry, owner_messages, public_url: None, opener: None, log_keys: None }
    }

    /// Sets the address of the public API, without a slash at its end: messages link to their order.
    #[must_use]
    pub fn with_public_url(mut self, url: impl Into<String>) -> Self {
        self.public_url = Some(url.into());
        self
    }

    /// With the keys of the log, only endpoints count whose facts are signed, and the requests in the replies of endpoints are signed.
    #[must_use]
    pub fn with_log_keys(mut self, keys: LogKeys) -> Self {
        self.log_keys = Some(keys);
        self
    }

    /// Opens the secret of each fact about an endpoint that is read from the log.
    #[must_use]
    pub fn with_opener(mut self, open: impl Fn(&mut EndpointFact) + Send + Sync + 'static) -> Self {
        self.opener = Some(Arc::new(open));
        self
    }

    /// Appends the requests of a reply. A repetition appends the same ids, and the first ones count.
    async fn request(
        &self,
        endpoint: &Endpoint,
        notification: &Notification,
        response: &WebhookResponse,
    ) -> AttemptOutcome {
        let invalid = || failed(Problem::new("invalid_reply", Some(response.status)), None);
        // A body that is cut off may look like a shorter one.
        let Some(reactions) = parse_reply(&response.excerpt).ok().filter(|_| response.is_whole) else {
            return invalid();
        };
        let authority = Authority::of_endpoint(&endpoint.id, &endpoint.owner);
        let requests = match requests(&authority, notification, reactions, self.clock.now()) {
            Ok(requests) => requests,
            // No later reply counts either.
            Err(InvalidReaction::TooManyFacts(_)) => {
                return AttemptOutcome::Rejected { problem: Problem::new("too_many_facts", None) };
            }
            Err(_) => return invalid(),
        };
        match append_requests(&*self.bus, self.log_keys.as_ref(), &requests).await {
            Ok(()) => AttemptOutcome::Delivered,
            Err(why) if why.kind() == PortErrorKind::TooLarge => invalid(),
            Err(why) => {
                warn!(endpoint = %endpoint.id, %why, "failed to append the requests of a reply; retrying");
                failed(Problem::new("log", None), None)
            }
        }
    }
}

#[async_trait]
impl Receivers for Webhooks {
    fn changes(&self) -> BoxStream<'static, ReceiverChange> {
        follow(&self.bus, &self.registry, self.opener.as_ref(), self.log_keys.as_ref())
    }

    fn receivers(&self, notification: &Notification) -> Vec<EndpointId> {
        self.registry.receivers(notification)
    }

    async fn deliver(&self, attempt: Attempt) -> AttemptOutcome {
        let Attempt { endpoint: id, notification, .. } = attempt;
        let Some(endpoint) = self.registry.endpoint(&id) else {
            return failed(Problem::new("unknown_endpoint", None), None);
        };
        if !endpoint.is_enabled() {
            return failed(Problem::new("disabled", None), None);
        }
        let body = order_event(&notification, &endpoint.owner, self.public_url.as_deref());
        let message_id = MessageId::of(&notification.order_id, notification.version, &id);
        let Some(mut request) = WebhookRequest::signed(&endpoint, message_id, self.clock.now(), body) else {
            return failed(Problem::new("secret", None), None);
        };
        let reacts = endpoint.settings.reply == ReplyUse::Requests;
        if reacts {
            // One byte more shows that a reply is too long.
            request.excerpt_bytes_max = REPLY_BYTES_MAX + 1;
        }
        match self.sender.send(request).await {
            Ok(response) if reacts && response.is_success() => {
                self.request(&endpoint, &notification, &response).await
            }
            Ok(response) => outcome_of(&response),
            Err(error) => failed(Problem::new(error.kind().code(), None), None),
        }
    }

    /// Writes the fact that the endpoint is disabled. If another fact is faster, this one changes nothing.
    async fn disable(&self, id: &EndpointId, failing_since: Option<Timestamp>) {
        let Some(endpoint) = self.registry.endpoint(id).filter(|endpoint| endpoint.is_enabled()) else {
            return;
        };
        let reason = if failing_since.is_some() { DisabledReason::Failing } else { DisabledReason::Gone };
        warn!(endpoint = %id, reason = reason.name(), "the webhook endpoint is disabled");
        let at = self.clock.now();
        let fact = EndpointFact {
            id: RequestId::generate(at, rand::random()),
            endpoint_id: id.clone(),
            version: endpoint.version.next(),
            change: EndpointChange::Disabled { reason },
            at,
            by: None,
        };
        let (key, record) = (id.to_key(), wire::encode_endpoint_fact(&fact));
        let partition = endpoint_partition(id, self.bus.partitions());
        let payload = LogKeys::sign_input_with(self.log_keys.as_ref(), partition, record);
        match self.bus.publish(Topic::Endpoints, partition, key, payload).await {
            Ok(_) => self.owner_messages.tell_disabled(&endpoint, reason, at),
            Err(why) => error!(endpoint = %id, %why, "failed to disable the webhook endpoint"),
        }
    }

    async fn dead(&self, endpoint: &EndpointId, notification: &Notification) {
        self.owner_messages.tell_dead(endpoint, notification);
    }
}

fn outcome_of(response: &WebhookResponse) -> AttemptOutcome {
    match response.status {
        200..=299 => AttemptOutcome::Delivered,
        410 => AttemptOutcome::Gone,
        status => failed(Problem::new("status", Some(status)), response.retry_after_ms),
    }
}

fn failed(problem: Problem, retry_after_ms: Option<u64>) -> AttemptOutcome {
    AttemptOutcome::Failed { problem, retry_after_ms }
}
