//! Webhook endpoints, as pure data: who receives which events where, and how a message is signed.
//!
//! An [`Endpoint`] is the fold of its [`EndpointFact`]s in the log's order ([`evolve_endpoint`]). A fact names the version that
//! it makes. Two processes may write the same version at once; the first one in the log counts, and the fold ignores the other. So
//! no process needs a lock.
//!
//! Messages follow [Standard Webhooks](https://www.standardwebhooks.com) 1.0.0: [`sign`] makes the header
//! `webhook-signature`, and [`order_event`] the body. An adapter sends it: the port [`WebhookSender`].
//!
//! ```
//! use logistics_core::webhook::{MessageId, Secret, sign};
//! use logistics_core::Timestamp;
//!
//! let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//! let id = MessageId::parse("msg_p5jXN8AQM9LWM0D4loKWxJek")?;
//! let signature = sign([&secret], &id, Timestamp::from_millis(1_614_265_330_000), br#"{"test": 2432232314}"#);
//! assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod endpoint;
mod endpoints;
mod event_type;
mod evolve;
mod fact;
mod secret;
mod sender;
mod sign;
mod url;

pub use crate::ids::{EndpointDescription, EndpointId, MessageId};
pub use body::{dead_letter_event, disabled_event, order_event, test_event};
pub use endpoint::{
    DisabledReason, Endpoint, EndpointOwner, EndpointSecret, EndpointSettings, EndpointState, ReplyUse,
    endpoint_partition,
};
pub use endpoints::Endpoints;
pub use event_type::{EventFilter, EventType};
pub use evolve::{FactIgnored, evolve_endpoint};
pub use fact::{EndpointChange, EndpointFact, NewEndpoint};
pub use secret::{InvalidSecret, SealedSecret, Secret, SecretKind, StoredSecret};
pub use sender::{
    EXCERPT_BYTES_MAX, SendError, SendErrorKind, WebhookRequest, WebhookResponse, WebhookSender,
};
pub use sign::{ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
pub use url::EndpointUrl;

#[cfg(test)]
mod golden_tests;

#[cfg(feature = "mocks")]
pub use sender::MockWebhookSender;
