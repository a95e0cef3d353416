//! Delivering notifications to webhook endpoints: the flags and the start.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use logistics_core::port::EventBus;
use logistics_core::webhook::EndpointFact;
use logistics_tokio::SystemClock;
use logistics_webhook::{HttpSender, SenderOptions, Webhooks, WebhooksOptions};

use crate::telemetry::Telemetry;
use logistics_cli_kit::Failure;

/// Flags of every process that delivers to webhook endpoints.
#[derive(Args, Debug, Clone, Default)]
pub struct WebhookDeliveryArgs {
    /// Deliver notifications to the webhook endpoints that are registered
    #[arg(long, env = "LOGISTICS_WEBHOOKS", value_enum, default_value_t = Switch::Off)]
    webhooks: Switch,
    /// Permit webhook endpoints whose addresses are not public, for tests and closed networks
    #[arg(long, env = "LOGISTICS_WEBHOOK_ALLOW_PRIVATE")]
    webhook_allow_private: bool,
    /// The address of the API that webhooks link to, for example https://orders.example [default: no links]
    #[arg(long, env = "LOGISTICS_WEBHOOK_PUBLIC_URL", value_name = "URL")]
    webhook_public_url: Option<String>,
}

#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Switch {
    On,
    #[default]
    Off,
}

/// Opens the secret of a fact about an endpoint.
pub type OpenSecret = Box<dyn Fn(&mut EndpointFact) + Send + Sync>;

/// What the deliveries need to start.
pub struct WebhookDelivery {
    sender: Arc<HttpSender>,
    options: WebhooksOptions,
}

impl WebhookDeliveryArgs {
    /// What is needed to deliver; `None`: the deliveries are off. `allow_http` permits `http://` endpoints, and `open` opens sealed
    /// secrets.
    ///
    /// # Errors
    /// If the system has no trusted certificates.
    pub fn delivery(
        &self,
        allow_http: bool,
        open: Option<OpenSecret>,
    ) -> Result<Option<WebhookDelivery>, Failure> {
        if self.webhooks == Switch::Off {
            return Ok(None);
        }
        let mut sender = SenderOptions::default();
        (sender.allow_http, sender.allow_private) = (allow_http, self.webhook_allow_private);
        if self.webhook_allow_private {
            tracing::warn!(
                "--webhook-allow-private: the owner of a webhook endpoint can send requests into the network of this process"
            );
        }
        if allow_http {
            tracing::warn!("--webhook-allow-http: webhooks to http:// endpoints travel unencrypted");
        }
        let sender = HttpSender::new(sender).map_err(|error| Failure::usage(error.to_string()))?;
        let mut options = WebhooksOptions::default();
        options.public_url =
            self.webhook_public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        if let Some(open) = open {
            options = options.with_opener(move |fact| open(fact));
        }
        Ok(Some(WebhookDelivery { sender: Arc::new(sender), options }))
    }
}

impl WebhookDelivery {
    /// Starts the deliveries.
    pub(crate) fn start(self, bus: Arc<dyn EventBus>, telemetry: &Telemetry) -> Webhooks {
        let Self { sender, mut options } = self;
        options.observers = telemetry.observers();
        let webhooks = Webhooks::start(telemetry.layer().over(bus), sender, Arc::new(SystemClock), options);
        telemetry.watch(webhooks.gauges());
        webhooks
    }
}
