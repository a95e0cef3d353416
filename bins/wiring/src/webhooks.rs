//! The webhook endpoints of the API: their flags and their use cases.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use logistics_core::port::EventBus;
use logistics_core::wire::LogKeys;
use logistics_service::{SEALING_KEY_BYTES, SealingKeys, WebhookOptions, Webhooks};
use logistics_tokio::SystemClock;

use crate::log_key::keys_in;
use logistics_cli_kit::Failure;

/// Flags of every process that manages webhook endpoints or delivers to them.
#[derive(Args, Debug, Clone, Default)]
pub struct WebhookArgs {
    /// Permit webhook endpoints with http:// URLs, for tests and closed networks
    #[arg(long, env = "LOGISTICS_WEBHOOK_ALLOW_HTTP")]
    webhook_allow_http: bool,
    /// A file with keys, 64 hexadecimal digits per line, that encrypt the secrets of webhook endpoints in the log. The first key
    /// encrypts, all keys decrypt. Every process that manages or delivers webhooks needs it [default: not encrypted]
    #[arg(long, env = "LOGISTICS_WEBHOOK_KEY_FILE", value_name = "FILE")]
    webhook_key_file: Option<PathBuf>,
}

impl WebhookArgs {
    /// Whether the URL of an endpoint may be `http`.
    #[must_use]
    pub fn allows_http(&self) -> bool {
        self.webhook_allow_http
    }

    /// The keys of the secrets; `None` without a file.
    ///
    /// # Errors
    /// If the file cannot be read or a line is no key. The text contains no key.
    pub fn sealing_keys(&self) -> Result<Option<SealingKeys>, Failure> {
        let Some(file) = &self.webhook_key_file else { return Ok(None) };
        let keys: Vec<[u8; SEALING_KEY_BYTES]> = keys_in(file, "webhook keys")?;
        let shown = file.display();
        SealingKeys::new(&keys)
            .map(Some)
            .map_err(|problem| Failure::usage(format!("the webhook keys in {shown}: {problem}")))
    }

    /// Starts the use cases of endpoints, which read the log from now on.
    ///
    /// # Errors
    /// As for [`sealing_keys`](Self::sealing_keys).
    pub(crate) fn start(
        &self,
        bus: Arc<dyn EventBus>,
        log_keys: Option<LogKeys>,
    ) -> Result<Webhooks, Failure> {
        let mut options = WebhookOptions::default();
        options.allow_http = self.webhook_allow_http;
        options.log_keys = log_keys;
        options.sealing_keys = self.sealing_keys()?;
        Ok(Webhooks::start(bus, Arc::new(SystemClock), options))
    }
}
