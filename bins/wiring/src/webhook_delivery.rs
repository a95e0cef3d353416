//! Delivering notifications to webhook endpoints: the flags and the start.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use logistics_core::port::EventBus;
use logistics_core::webhook::EndpointFact;
use logistics_core::wire::LogKeys;
use logistics_layers::Layer;
use logistics_tokio::{DeliveryOptions, DeliveryService, SystemClock};
use logistics_webhook::{HttpSender, Webhooks};

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

/// Opens the secret of a fact about an endpoint.
type Opener = Box<dyn Fn(&mut EndpointFact) + Send + Sync>;

/// What the deliveries need to start.
pub struct WebhookDelivery {
    sender: Arc<HttpSender>,
    public_url: Option<String>,
    opener: Option<Opener>,
    log_keys: Option<LogKeys>,
}

impl WebhookDeliveryArgs {
    /// What is needed to deliver; `None`: the deliveries are off. `endpoints` are the flags of the process about endpoints. `log_keys`
    /// sign the requests in the replies of endpoints.
    ///
    /// # Errors
    /// If the system has no trusted certificates, or the keys of the secrets cannot be read.
    pub fn delivery(
        &self,
        endpoints: &WebhookArgs,
        log_keys: Option<LogKeys>,
    ) -> Result<Option<WebhookDelivery>, Failure> {
        if self.webhooks == Switch::Off {
            return Ok(None);
        }
        let sender = endpoints.sender().map_err(|error| Failure::usage(error.to_string()))?;
        let public_url = self.webhook_public_url.as_deref().map(|url| url.trim_end_matches('/').to_owned());
        let keys = endpoints.sealing_keys()?;
        let opener = keys.map(|keys| Box::new(move |fact: &mut EndpointFact| keys.open(fact)) as Opener);
        Ok(Some(WebhookDelivery { sender: Arc::new(sender), public_url, opener, log_keys }))
    }
}

impl WebhookDelivery {
    /// Starts the deliveries.
    pub(crate) fn start(self, bus: Arc<dyn EventBus>, telemetry: &Telemetry) -> DeliveryService {
        let Self { sender, public_url, opener, log_keys } = self;
        let (bus, clock) = (telemetry.layer().over(bus), Arc::new(SystemClock));
        let mut webhooks = Webhooks::new(bus.clone(), sender, clock.clone());
        if let Some(url) = public_url {
            webhooks = webhooks.with_public_url(url);
        }
        if let Some(opener) = opener {
            webhooks = webhooks.with_opener(opener);
        }
        if let Some(keys) = log_keys {
            webhooks = webhooks.with_log_keys(keys);
        }
        let mut options = DeliveryOptions::webhooks();
        options.observers = telemetry.observers();
        let deliveries = DeliveryService::start(bus, Arc::new(webhooks), clock, options);
        telemetry.watch(deliveries.gauges());
        deliveries
    }
}
