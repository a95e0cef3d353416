//! One file per endpoint: from the request to the call of the service, and from its result to the reply.

#[cfg(feature = "docs-page")]
pub(crate) mod assignment;
pub(crate) mod change;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod order;
pub(crate) mod place;
pub(crate) mod request;
pub(crate) mod transition;
pub(crate) mod webhooks;
