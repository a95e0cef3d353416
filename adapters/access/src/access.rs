//! The authenticator of all ways: tokens, API keys and client certificates.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::Clock;
use logistics_layers::CircuitBreaker;
use logistics_service::{AuthError, Authenticator, ClientCertificate, Credentials, Principal};

use crate::failures::{FailedLogins, FailureLimits, LoginSource};
use crate::jwt::{InvalidJwtKeys, Jwt, JwtConfig, JwtKeys, jwks_breaker_settings};
use crate::keys::{API_KEY_PREFIX, ApiKey, KeyFile, KeyFileError, LiveKeys};
use crate::refused::Refused;

/// The ways in which clients may authenticate. At first none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessConfig {
    /// Tokens, and where the keys of their issuer are.
    pub jwt: Option<(JwtConfig, JwtKeys)>,
    /// The key file with the API keys and the client certificates.
    pub key_file: Option<PathBuf>,
    /// Accept the API keys of the key file.
    pub api_keys: bool,
    /// Accept the client certificates of the key file.
    pub certificates: bool,
    /// Limits of failed logins.
    pub failures: FailureLimits,
}

impl AccessConfig {
    /// The keys of tokens are at an address.
    #[must_use]
    pub fn fetches_keys(&self) -> bool {
        matches!(self.jwt, Some((_, JwtKeys::Url(_))))
    }
}

/// Why no authenticator can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The keys of the issuer.
    #[error(transparent)]
    JwtKeys(#[from] InvalidJwtKeys),
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// API keys or certificates without a key file.
    #[error("API keys and client certificates need a key file")]
    NoKeyFile,
}

/// Authenticates clients by the configured ways.
///
/// A bearer token takes precedence over a client certificate. A token that begins with [`API_KEY_PREFIX`] is an API key; every
/// other one is a JWT.
///
/// A valid credential always succeeds. The limit of failed logins applies to the rest: other clients behind one address must not be
/// able to lock it out.
pub struct Access {
    jwt: Option<Jwt>,
    keys: Option<LiveKeys>,
    api_keys: bool,
    certificates: bool,
    failures: FailedLogins,
    clock: Arc<dyn Clock>,
}

impl Access {
    /// An authenticator that follows its sources of keys for as long as it lives. Must be called within a Tokio runtime. A JWK
    /// set may be unavailable now; until it is fetched, tokens are answered with [`AuthError::Unavailable`].
    ///
    /// # Errors
    /// [`AccessError`] if a file is missing or invalid.
    pub fn start(config: AccessConfig, clock: Arc<dyn Clock>) -> Result<Self, AccessError> {
        Self::start_guarded(config, clock, None)
    }

    /// The same, with a circuit breaker of the caller around the fetches of a JWK set, such as one that is observed. Without one,
    /// they have one with [`jwks_breaker_settings`].
    ///
    /// # Errors
    /// As [`Access::start`].
    pub fn start_guarded(
        config: AccessConfig,
        clock: Arc<dyn Clock>,
        breaker: Option<CircuitBreaker>,
    ) -> Result<Self, AccessError> {
        let breaker = breaker.unwrap_or_else(|| CircuitBreaker::new("jwks", jwks_breaker_settings()));
        let needs_file = config.api_keys || config.certificates;
        let keys = match config.key_file {
            Some(path) if needs_file => Some(LiveKeys::start(KeyFile::new(path))?),
            None if needs_file => return Err(AccessError::NoKeyFile),
            _ => None,
        };
        let jwt = config.jwt.map(|(jwt, keys)| Jwt::start(jwt, &keys, clock.clone(), breaker)).transpose()?;
        Ok(Self {
            jwt,
            keys,
            api_keys: config.api_keys,
            certificates: config.certificates,
            failures: FailedLogins::new(config.failures),
            clock,
        })
    }

    async fn with_token(&self, token: &str, source: LoginSource<'_>) -> Result<Principal, AuthError> {
        let Some(jwt) = &self.jwt else {
            return self.failed(source, Refused::invalid("tokens are not accepted"));
        };
        if let Some(principal) = jwt.cached(token) {
            return Ok(principal);
        }
        match jwt.verify(token).await {
            Ok(principal) => Ok(principal),
            Err(refused) => self.failed(source, refused),
        }
    }

    fn with_key(&self, text: &str, source: LoginSource<'_>) -> Result<Principal, AuthError> {
        let Some(keys) = self.keys.as_ref().filter(|_| self.api_keys) else {
            return self.failed(source, Refused::invalid("API keys are not accepted"));
        };
        let Some(key) = ApiKey::parse(text) else {
            return self
                .failed(source, Refused::invalid("the API key is malformed, or its checksum is wrong"));
        };
        match keys.with_key(&key, self.clock.now()) {
            Ok(principal) => Ok(principal),
            Err(refused) => self.failed(LoginSource { key_id: Some(key.id()), ..source }, refused),
        }
    }

    fn with_certificate(
        &self,
        certificate: &ClientCertificate,
        source: LoginSource<'_>,
    ) -> Result<Principal, AuthError> {
        // Servers may accept certificates for other reasons.
        let Some(keys) = self.keys.as_ref().filter(|_| self.certificates) else {
            return Err(AuthError::Missing);
        };
        match keys.with_certificate(certificate, self.clock.now()) {
            Ok(principal) => Ok(principal),
            Err(refused) => self.failed(source, refused),
        }
    }

    fn check(&self, source: LoginSource<'_>) -> Result<(), AuthError> {
        match self.failures.blocked_ms(source) {
            Some(ms) => Err(AuthError::TooManyFailures { retry_after_s: ms.div_ceil(1000) }),
            None => Ok(()),
        }
    }

    /// Counts a failed login.
    fn failed(&self, source: LoginSource<'_>, refused: Refused) -> Result<Principal, AuthError> {
        if matches!(refused, Refused::Invalid(_)) {
            self.check(source)?;
            self.failures.record(source);
        }
        Err(refused.into())
    }
}

#[async_trait]
impl Authenticator for Access {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, AuthError> {
        let source = LoginSource { address: credentials.address, key_id: None };
        match (credentials.bearer, credentials.certificate) {
            (Some(bearer), _) if bearer.starts_with(API_KEY_PREFIX) => self.with_key(bearer, source),
            (Some(bearer), _) => self.with_token(bearer, source).await,
            (None, Some(certificate)) => self.with_certificate(certificate, source),
            (None, None) => Err(AuthError::Missing),
        }
    }
}
