//! Tells the owner of an endpoint what happened to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use logistics_core::Timestamp;
use logistics_core::notify::Notification;
use logistics_core::port::Clock;
use logistics_core::webhook::{
    DisabledReason, Endpoint, EndpointId, MessageId, WebhookRequest, WebhookSender, dead_letter_event,
    disabled_event,
};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::registry::Registry;

/// The waits before an attempt is repeated. These messages are not stored: the state of the endpoint says the same.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];
/// Milliseconds between two messages about dead letters of one endpoint. Further dead letters are in its list only.
const DEAD_LETTERS_EVERY_MS: u64 = 60 * 60 * 1_000;

/// Messages about an endpoint to the other endpoints of its owner, and to those of the platform.
#[derive(Clone)]
pub(crate) struct OwnerMessages {
    pub(crate) registry: Registry,
    pub(crate) sender: Arc<dyn WebhookSender>,
    pub(crate) clock: Arc<dyn Clock>,
    /// When a message about a dead letter of the endpoint was sent.
    pub(crate) dead_letters_told: Arc<Mutex<BTreeMap<EndpointId, Timestamp>>>,
}

impl OwnerMessages {
    /// The endpoint was disabled.
    pub(crate) fn tell_disabled(&self, endpoint: &Endpoint, reason: DisabledReason, at: Timestamp) {
        self.tell(endpoint, &disabled_event(endpoint, reason, at));
    }

    /// The endpoint has another dead letter. A disabled one is no news.
    pub(crate) fn tell_dead(&self, id: &EndpointId, notification: &Notification) {
        let now = self.clock.now();
        let Some(endpoint) = self.registry.endpoint(id).filter(|endpoint| endpoint.is_enabled()) else {
            return;
        };
        {
            let mut told = self.dead_letters_told.lock().unwrap_or_else(PoisonError::into_inner);
            told.retain(|_, at| now.millis_since(*at) < DEAD_LETTERS_EVERY_MS);
            if told.contains_key(id) {
                return;
            }
            told.insert(id.clone(), now);
        }
        let Notification { order_id, version, .. } = notification;
        self.tell(&endpoint, &dead_letter_event(&endpoint, order_id, *version, now));
    }

    fn tell(&self, about: &Endpoint, body: &Bytes) {
        for endpoint in self.registry.told_about(about) {
            let (messages, about, body) = (self.clone(), about.id.clone(), body.clone());
            tokio::spawn(async move { messages.send(&endpoint, &about, body).await });
        }
    }

    async fn send(self, endpoint: &Endpoint, about: &EndpointId, body: Bytes) {
        let message_id = MessageId::generate(self.clock.now(), rand::random());
        let to = &endpoint.id;
        for delay in RETRY_DELAYS.into_iter().map(Some).chain([None]) {
            let Some(request) =
                WebhookRequest::signed(endpoint, message_id.clone(), self.clock.now(), body.clone())
            else {
                return;
            };
            if self.sender.send(request).await.is_ok_and(|response| response.is_success()) {
                info!(endpoint = %about, %to, "notified the owner of the webhook endpoint");
                return;
            }
            if let Some(delay) = delay {
                sleep(delay).await;
            }
        }
        warn!(endpoint = %about, %to, "failed to notify the owner of the webhook endpoint; its state and its dead letters show the same");
    }
}
