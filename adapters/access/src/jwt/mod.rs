//! Authentication by JSON Web Token.

mod claims;
mod config;
mod json;
mod jwks;
mod key_set;
mod source;
mod token;
mod verified;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use logistics_core::port::Clock;
use logistics_layers::CircuitBreaker;
use logistics_service::Principal;

use crate::refused::Refused;
use jwks::Jwks;
use key_set::KeySet;
use source::HttpSource;
use token::Token;
use verified::VerifiedTokens;

pub use config::{ClaimNames, JwtConfig, LEEWAY_S_DEFAULT};
pub use jwks::jwks_breaker_settings;
pub use key_set::JwtAlgorithm;
pub use source::{InvalidJwksUrl, JwksUrl};
pub use token::TOKEN_BYTES_MAX;

/// Where the public keys of the issuer are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwtKeys {
    /// A file with a JWK set, a JWK, or public keys in PEM. It is read once, at the start.
    File(PathBuf),
    /// The address of a JWK set, fetched at the start and from then on.
    Url(JwksUrl),
}

/// Why the keys cannot be used. The text names the file and contains nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidJwtKeys(String);

/// Verifies tokens of one issuer.
pub(crate) struct Jwt {
    config: JwtConfig,
    keys: Keys,
    clock: Arc<dyn Clock>,
    verified: VerifiedTokens,
}

enum Keys {
    Fixed(Arc<KeySet>),
    Fetched(Jwks),
}

impl Jwt {
    /// Must be called within a Tokio runtime, which fetches the keys of an address. The address may be unavailable now.
    pub(crate) fn start(
        config: JwtConfig,
        keys: &JwtKeys,
        clock: Arc<dyn Clock>,
        breaker: CircuitBreaker,
    ) -> Result<Self, InvalidJwtKeys> {
        let keys = match keys {
            JwtKeys::File(file) => Keys::Fixed(Arc::new(read(file, &config.algorithms)?)),
            JwtKeys::Url(url) => {
                let source = HttpSource::new(url.clone()).map_err(InvalidJwtKeys)?;
                Keys::Fetched(Jwks::start(Box::new(source), config.algorithms.clone(), breaker))
            }
        };
        Ok(Self { config, keys, clock, verified: VerifiedTokens::default() })
    }

    /// The principal of a token that is in the cache and still valid.
    pub(crate) fn cached(&self, token: &str) -> Option<Principal> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let keys = self.keys().ok()?;
        let key = verified::key(token);
        let verified = self.verified.get(&key, &keys.digest)?;
        if claims::is_expired(verified.expires, &self.config, self.clock.now()) {
            self.verified.remove(&key);
            return None;
        }
        Some(verified.principal)
    }

    /// Verifies a token. The signature is checked last: it is the only check that costs more than reading the token.
    pub(crate) async fn verify(&self, text: &str) -> Result<Principal, Refused> {
        let token = Token::parse(text)?;
        if !self.config.algorithms.contains(&token.algorithm) {
            return Err(Refused::invalid("the header's alg is not permitted"));
        }
        let keys = match (&self.keys, token.kid.as_deref()) {
            (Keys::Fetched(jwks), Some(kid)) => jwks.keys_with(kid).await?,
            _ => self.keys()?,
        };
        let candidates = keys.candidates(token.kid.as_deref(), token.algorithm);
        if candidates.is_empty() {
            return Err(Refused::invalid("no key has the token's kid and alg"));
        }
        if !candidates.iter().any(|key| key.verifies(token.message, token.signature)) {
            return Err(Refused::invalid("the token's signature is wrong"));
        }
        // Behind the signature: a forged token that claims to be expired counts as a failed login.
        let verified = claims::check(&token.claims, &self.config, self.clock.now())?;
        let principal = verified.principal.clone();
        self.verified.insert(verified::key(text), &keys.digest, verified);
        Ok(principal)
    }

    fn keys(&self) -> Result<Arc<KeySet>, Refused> {
        match &self.keys {
            Keys::Fixed(keys) => Ok(keys.clone()),
            Keys::Fetched(jwks) => jwks.keys(),
        }
    }
}

fn read(file: &Path, algorithms: &[JwtAlgorithm]) -> Result<KeySet, InvalidJwtKeys> {
    let shown = file.display();
    let text = std::fs::read(file)
        .map_err(|error| InvalidJwtKeys(format!("cannot read the JWT keys in {shown}: {error}")))?;
    KeySet::from_file(&text, algorithms)
        .map_err(|problem| InvalidJwtKeys(format!("the JWT keys in {shown}: {problem}")))
}
