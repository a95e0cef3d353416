//! The webhook endpoints of the API: their flags and their use cases.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use logistics_core::port::EventBus;
use logistics_core::wire::LogKeys;
use logistics_service::{SEALING_KEY_BYTES, SealingKeys, WebhookOptions, Webhooks};
use logistics_tokio::SystemClock;
use logistics_webhook::{CannotSend, HttpSender, SenderOptions};

use crate::key_file;
use logistics_cli_kit::Failure;

/// Flags of every process that manages webhook endpoints or delivers to them.
#[derive(Args, Debug, Clone, Default)]
pub struct WebhookArgs {
    /// Permit webhook endpoints with http:// URLs, for tests and closed networks
    #[arg(long, env = "LOGISTICS_WEBHOOK_ALLOW_HTTP")]
    webhook_allow_http: bool,
    /// Permit webhook endpoints whose addresses are not public, for tests and closed networks
    #[arg(long, env = "LOGISTICS_WEBHOOK_ALLOW_PRIVATE")]
    webhook_allow_private: bool,
    /// A file with keys, 64 hexadecimal digits per line, that encrypt the secrets of webhook endpoints in the log. The first key
    /// encrypts, all keys decrypt. Every process that manages or delivers webhooks needs it [default: not encrypted]
    #[arg(long, env = "LOGISTICS_WEBHOOK_KEY_FILE", value_name = "FILE")]
    webhook_key_file: Option<PathBuf>,
}

impl WebhookArgs {
    /// What sends messages to endpoints.
    ///
    /// # Errors
    /// If the system has no trusted certificates.
    pub(crate) fn sender(&self) -> Result<HttpSender, CannotSend> {
        let mut options = SenderOptions::default();
        (options.allow_http, options.allow_private) = (self.webhook_allow_http, self.webhook_allow_private);
        if self.webhook_allow_private {
            tracing::warn!(
                "--webhook-allow-private: the owner of a webhook endpoint can send requests into the network of this process"
            );
        }
        if self.webhook_allow_http {
            tracing::warn!("--webhook-allow-http: webhooks to http:// endpoints travel unencrypted");
        }
        HttpSender::new(options)
    }

    /// The keys of the secrets; `None` without a file.
    ///
    /// # Errors
    /// If the file cannot be read or a line is no key. The text contains no key.
    pub fn sealing_keys(&self) -> Result<Option<SealingKeys>, Failure> {
        let Some(file) = &self.webhook_key_file else { return Ok(None) };
        let keys: Vec<[u8; SEALING_KEY_BYTES]> =
            key_file::read(file, "webhook keys").map_err(Failure::usage)?;
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
        let clock = Arc::new(SystemClock);
        Ok(match self.sender() {
            Ok(sender) => Webhooks::start_with_sender(bus, clock, Arc::new(sender), options),
            Err(why) => {
                tracing::warn!(%why, "this process cannot send test messages to webhook endpoints");
                Webhooks::start(bus, clock, options)
            }
        })
    }
}
