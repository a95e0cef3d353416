//! The settings of webhook endpoints.

use logistics_core::wire::LogKeys;

use super::sealing::SealingKeys;

/// What endpoints are permitted, time limits, and keys.
///
/// Change fields of `WebhookOptions::default()`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WebhookOptions {
    /// Whether a URL may be `http`, for tests and closed networks. Default false.
    pub allow_http: bool,
    /// Time limit of a write of the log, in milliseconds. Default 10,000.
    pub port_timeout_ms: u64,
    /// Maximum wait until this process has read its own fact back, in milliseconds. Default 5,000.
    pub read_back_ms_max: u64,
    /// Maximum length of a test, in milliseconds. The sender has its own limit, which should be lower. Default 20,000.
    pub test_ms_max: u64,
    /// The keys of the log; the first one signs every fact. Default `None`: facts are not signed.
    pub log_keys: Option<LogKeys>,
    /// The keys that seal secrets in the log; the first one seals, all of them open. Default `None`: the secrets are readable in
    /// the log, and its access control protects them.
    pub sealing_keys: Option<SealingKeys>,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            allow_http: false,
            port_timeout_ms: 10_000,
            read_back_ms_max: 5_000,
            test_ms_max: 20_000,
            log_keys: None,
            sealing_keys: None,
        }
    }
}
