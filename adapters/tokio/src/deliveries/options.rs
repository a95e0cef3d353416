//! How a channel is delivered to.

use logistics_core::ChannelName;
use logistics_core::delivery::Settings;
use logistics_core::observe::Observers;
use logistics_core::port::StartAt;

/// The options of a [`DeliveryService`](super::DeliveryService).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeliveryOptions {
    /// The channel. It names the records of what waits, the part of health and the metrics. A renamed channel starts anew.
    pub channel: ChannelName,
    /// The group of the positions in the notifications. Default: `notification-service.<channel>`.
    pub group: String,
    /// Where the group starts in a partition without a position. `None`, the default: at the start in a new system, otherwise at the
    /// end, as for [`NotificationsOptions::from`](crate::NotificationsOptions::from).
    pub from: Option<StartAt>,
    /// Receivers get the contacts of the recipients, and what waits is stored with them. Default false: contacts are personal data.
    pub contacts: bool,
    /// The settings of the deliveries: the wait before each retry, and the bounds.
    pub settings: Settings,
    /// See every attempt.
    pub observers: Observers,
    /// Milliseconds between two acknowledgements of a position. Default 50.
    pub acknowledge_ms: u64,
    /// Milliseconds for an attempt of receivers that keep no time limit. Default 20,000.
    pub attempt_ms_max: u64,
    /// Milliseconds within which a revoked partition is released. Default 900.
    pub revoke_ms: u64,
}

impl DeliveryOptions {
    /// The defaults for a channel.
    #[must_use]
    pub fn new(channel: ChannelName) -> Self {
        Self {
            group: format!("notification-service.{channel}"),
            channel,
            from: None,
            contacts: false,
            settings: Settings::default(),
            observers: Observers::default(),
            acknowledge_ms: 50,
            attempt_ms_max: 20_000,
            revoke_ms: 900,
        }
    }

    /// The defaults for the webhook endpoints: the channel `webhooks`. A group without a position starts at the end, because
    /// endpoints are created later than the first orders.
    #[must_use]
    pub fn webhooks() -> Self {
        Self { from: Some(StartAt::End), ..Self::new(ChannelName::webhooks()) }
    }
}
