//! The settings of tracking links.

use super::keys::TrackingKeys;

/// The shortest time for which a link can be made, in milliseconds.
pub const TRACKING_TTL_MS_MIN: u64 = 60_000;

const HOUR_MS: u64 = 60 * 60 * 1000;

/// The keys of tracking links, and how long links are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackingOptions {
    /// The keys. Every process of an API needs the same ones.
    pub keys: TrackingKeys,
    /// How long a link is valid if its maker names no time, in milliseconds. Default 24 hours.
    pub ttl_default_ms: u64,
    /// The longest time for which a link can be made, in milliseconds. Default 7 days.
    pub ttl_ms_max: u64,
    /// How long a link shows an order that has ended, in milliseconds. Such links cannot be revoked. Default 4 hours.
    pub ended_ms_max: u64,
}

impl TrackingOptions {
    /// The defaults, with these keys.
    #[must_use]
    pub fn new(keys: TrackingKeys) -> Self {
        Self { keys, ttl_default_ms: 24 * HOUR_MS, ttl_ms_max: 7 * 24 * HOUR_MS, ended_ms_max: 4 * HOUR_MS }
    }
}
