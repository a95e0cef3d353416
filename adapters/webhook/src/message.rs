//! A signed message to an endpoint.

use bytes::Bytes;
use logistics_core::Timestamp;
use logistics_core::webhook::{EXCERPT_BYTES_MAX, Endpoint, MessageId, Secret, WebhookRequest, sign};

/// The request that sends this body to the endpoint. `None`: the endpoint has no usable secret, and nothing is sent unsigned.
pub(crate) fn message(
    endpoint: &Endpoint,
    message_id: &MessageId,
    at: Timestamp,
    body: Bytes,
) -> Option<WebhookRequest> {
    let secrets: Vec<&Secret> = endpoint.signing_secrets(at).collect();
    if secrets.is_empty() {
        return None;
    }
    let signature = sign(secrets, message_id, at, &body);
    let url = endpoint.settings.url.clone();
    let (message_id, excerpt_bytes_max) = (message_id.clone(), EXCERPT_BYTES_MAX);
    Some(WebhookRequest { url, message_id, at, signature, body, excerpt_bytes_max })
}
