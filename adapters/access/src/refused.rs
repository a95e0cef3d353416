//! Why a credential is refused, and whether the refusal counts as a failed login.

use logistics_core::text::Escaped;
use logistics_service::AuthError;

/// Characters of a client's text in a detail.
const SHOWN_CHARS_MAX: usize = 64;

/// Why a credential is refused. The texts are for the log and contain no credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A guess or a forgery: counts as a failed login.
    Invalid(String),
    /// The credential can no longer succeed: expired or revoked. A client that presents it guesses nothing, and others behind its
    /// address must not be blocked for it, so it does not count.
    Ended(String),
    /// The credential cannot be verified now.
    Unavailable(String),
}

impl Refused {
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid(detail.into())
    }
}

impl From<Refused> for AuthError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(detail) | Refused::Ended(detail) => AuthError::Invalid(detail),
            Refused::Unavailable(detail) => AuthError::Unavailable(detail),
        }
    }
}

/// The begin of a client's text, quoted and escaped.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("\"{}...\"", Escaped(&text[..end])),
        None => format!("\"{}\"", Escaped(text)),
    }
}
