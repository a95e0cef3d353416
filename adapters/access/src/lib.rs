#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod access;
mod failures;
mod jwt;
mod keys;
mod limits;
mod network;
mod refused;

pub use access::{Access, AccessConfig, AccessError};
pub use failures::FailureLimits;
pub use jwt::{
    ClaimNames, InvalidJwksUrl, InvalidJwtKeys, JwksUrl, JwtAlgorithm, JwtConfig, JwtKeys, LEEWAY_S_DEFAULT,
    TOKEN_BYTES_MAX, jwks_breaker_settings,
};
pub use keys::{
    API_KEY_PREFIX, ApiKey, InvalidKeyFile, KeyEntry, KeyFile, KeyFileError, NewCredential, NewEntry,
};
pub use limits::RateLimits;
