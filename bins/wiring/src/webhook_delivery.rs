//! Delivering notifications to webhook endpoints: the flags and the start.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use logistics_core::port::EventBus;
use logistics_layers::Layer;
use logistics_tokio::SystemClock;
use logistics_webhook::{HttpSender, Webhooks, WebhooksOptions};

use crate::telemetry::Telemetry;
use crate::webhooks::WebhookArgs;
use logistics_cli_kit::Failure;

/// Flags of every process that delivers to webhook endpoints.
#[derive(Args, Debug, Clone, Default)]
pub struct WebhookDeliveryArgs {
    /// Deliver notifications to the webhook endpoints that are registered
    #[arg(long, env = "LOGISTICS_WEBHOOKS", value_enum, default_value_t = Switch::Off)]
    webhooks: Switch,
    /// The address of the API that webhooks link to, for example `https://orders.example` [default: no links]
    #[arg(long, env = "LOGISTICS_WEBHOOK_PUBLIC_URL", value_name = "URL")]
    webhook_public_url: Option<String>,
}

#[derive(ValueEnum, Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Switch {
    On,
    #[default]
    Off,
}

/// What the deliveries need to start.
pub struct WebhookDelivery {
    sender: Arc<HttpSender>,
    options: WebhooksOptions,
}

impl WebhookDeliveryArgs {
    /// What is needed to deliver; `None`: the deliveries are off. `endpoints` are the flags of the process about endpoints.
    ///
    /// # Errors
    /// If the system has no trusted certificates, or the keys of the secrets cannot be read.
    pub fn delivery(&self, endpoints: &WebhookArgs) -> Result<Option<WebhookDelivery>, Failure> {
        if self.webhooks == Switch::Off {
            return Ok(None);
        }
        let sender = endpoints.sender().map_err(|error| Failure::usage(error.to_string()))?;
        let mut options = WebhooksOptions::default();
        options.public_url =
            self.webhook_public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        if let Some(keys) = endpoints.sealing_keys()? {
            options = options.with_opener(move |fact| keys.open(fact));
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
