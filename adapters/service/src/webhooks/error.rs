//! The error of the use cases of webhook endpoints.

use logistics_core::Version;
use logistics_core::limits::{ENDPOINTS_MAX, ENDPOINTS_PER_OWNER_MAX};

use crate::error::ServiceError;

/// Why a use case of webhook endpoints failed. Its text is for the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// There is no such endpoint, or it is another party's.
    #[error("Webhook endpoint or dead letter not found")]
    NotFound,
    /// The endpoint has another version than the expected one. Nothing changed.
    #[error("The webhook endpoint has version {current}, the request expected {expected}")]
    Stale {
        /// The endpoint's version.
        current: Version,
        /// The expected version.
        expected: Version,
    },
    /// The idempotency key belongs to the creation of another endpoint.
    #[error("This idempotency key was used before with another body")]
    KeyConflict,
    /// The owner has the maximum number of endpoints.
    #[error("This owner has {ENDPOINTS_PER_OWNER_MAX} webhook endpoints already, which is the limit")]
    TooMany,
    /// The platform has the maximum number of endpoints.
    #[error("There are {ENDPOINTS_MAX} webhook endpoints already, which is the limit")]
    Full,
    /// This process sends no messages.
    #[error("This process sends no webhooks, so it cannot send a test")]
    NoSender,
    /// The facts about endpoints are not read yet, or a newer release has written facts that this one does not understand.
    #[error("The webhook endpoints are not read yet")]
    NotReady,
    /// The fact is in the log, but this process has not read it back in time. Read the endpoint later.
    #[error("The change is stored, and its outcome is unknown yet")]
    Pending,
    /// As in the other use cases.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl WebhookError {
    /// The code for programs. It does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            WebhookError::NotFound => "not_found",
            WebhookError::Stale { .. } => "stale_version",
            WebhookError::KeyConflict => "id_conflict",
            WebhookError::TooMany | WebhookError::Full => "too_many_endpoints",
            WebhookError::NoSender => "no_sender",
            WebhookError::NotReady => "not_ready",
            WebhookError::Pending => "pending",
            WebhookError::Service(error) => error.code(),
        }
    }

    /// Whether a retry can succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            WebhookError::NotReady | WebhookError::Pending => true,
            WebhookError::Service(error) => error.is_retryable(),
            WebhookError::NotFound
            | WebhookError::Stale { .. }
            | WebhookError::KeyConflict
            | WebhookError::TooMany
            | WebhookError::Full
            | WebhookError::NoSender => false,
        }
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        ServiceError::invalid(field, problem).into()
    }
}
