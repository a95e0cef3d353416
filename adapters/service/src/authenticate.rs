//! Authentication as the interfaces see it: a client's credentials in, a principal out.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;

use crate::principal::Principal;

/// What a client presented.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Credentials<'a> {
    /// The token of `Authorization: Bearer`: a JWT or an API key.
    pub bearer: Option<&'a str>,
    /// The client certificate of the TLS connection. The server has verified its chain.
    pub certificate: Option<&'a ClientCertificate>,
    /// The client's address, for the limit of failed logins.
    pub address: Option<IpAddr>,
}

/// Without the credentials themselves.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bearer, certificate, address } = self;
        f.debug_struct("Credentials")
            .field("has_bearer", &bearer.is_some())
            .field("has_certificate", &certificate.is_some())
            .field("address", address)
            .finish()
    }
}

/// A client certificate whose chain is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientCertificate {
    /// The certificate, DER (RFC 5280).
    pub der: Vec<u8>,
}

impl ClientCertificate {
    /// A certificate, DER.
    #[must_use]
    pub fn new(der: Vec<u8>) -> Self {
        Self { der }
    }
}

/// Why a client is not authenticated. The texts are for the log, never for the client: they say which part of a credential is
/// wrong. They contain no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The client presented no credential.
    #[error("no credential")]
    Missing,
    /// The credential is malformed, unknown, expired or revoked.
    #[error("{0}")]
    Invalid(String),
    /// The credential cannot be verified now, because the source of the keys is unavailable.
    #[error("{0}")]
    Unavailable(String),
    /// Too many failed logins from this address or with this key id.
    #[error("too many failed logins; the next attempt is permitted in {retry_after_s} s")]
    TooManyFailures {
        /// Seconds until the next attempt is permitted.
        retry_after_s: u64,
    },
}

/// Turns credentials into a principal.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// The principal with these credentials.
    ///
    /// # Errors
    /// [`AuthError`].
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, AuthError>;

    /// Whether callers need a credential. Interfaces document it.
    fn is_required(&self) -> bool {
        true
    }
}

/// Authenticates no caller: each one is [`Principal::anonymous`], and credentials are ignored.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuthentication;

#[async_trait]
impl Authenticator for NoAuthentication {
    async fn authenticate(&self, _: &Credentials<'_>) -> Result<Principal, AuthError> {
        Ok(Principal::anonymous())
    }

    fn is_required(&self) -> bool {
        false
    }
}
