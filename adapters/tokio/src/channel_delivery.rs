//! The delivery of one channel, from the log to its notifier. It subscribes, and again after each failure.

use std::future::Future;
use std::sync::Arc;

use logistics_core::port::{Clock, EventBus, Notifier, PortError, ReadLimit, Subscription, Topic};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use crate::attempts::{Attempts, as_ms};
use crate::clock::SystemClock;
use crate::delivery_stats::{DeliveryStats, LogCall};
use crate::error_text::error_text;
use crate::group_start::start_of_group;
use crate::options::NotificationsOptions;
use crate::subscription_driver::{SubscriptionDriver, SubscriptionEnd};

/// The delivery of one channel. Channels share only the bus.
pub(crate) struct ChannelDelivery {
    pub(crate) bus: Arc<dyn EventBus>,
    /// The channel's name.
    pub(crate) channel: Arc<str>,
    /// The group of the channel's positions.
    pub(crate) group: String,
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) options: Arc<NotificationsOptions>,
    /// The limit of one delivery.
    pub(crate) limit: ReadLimit,
    pub(crate) stats: Arc<DeliveryStats>,
    pub(crate) draining: watch::Receiver<bool>,
}

impl ChannelDelivery {
    /// Subscribes, and again after each failure of the subscription, until a drain. Returns whether the group's position is
    /// behind all completed notifications.
    pub(crate) async fn run(self) -> bool {
        let mut attempts = Attempts::new(self.options.subscribe_backoff);
        loop {
            match self.unless_drained(self.subscribe()).await {
                None => return true,
                Some(Ok(subscription)) => {
                    self.stats.set_subscribed(true);
                    let driver = SubscriptionDriver::new(&self, subscription, &mut attempts);
                    if let SubscriptionEnd::Drained { clean } = driver.run().await {
                        return clean;
                    }
                    self.stats.set_subscribed(false);
                }
                Some(Err(error)) => {
                    let why = error_text(&error);
                    warn!(
                        channel = &*self.channel,
                        why, "failed to subscribe to the notifications; retrying"
                    );
                }
            }
            let delay = attempts.failed();
            self.stats.set_failing(LogCall::Subscribe, format!("failures so far: {}", attempts.failures()));
            tracing::debug!(delay_ms = as_ms(delay), "waiting before the next subscription");
            if self.unless_drained(sleep(delay)).await.is_none() {
                return true;
            }
        }
    }

    async fn subscribe(&self) -> Result<Box<dyn Subscription>, PortError> {
        let from = match self.options.from {
            Some(from) => from,
            None => start_of_group(&*self.bus, SystemClock.now()).await?,
        };
        self.bus.subscribe(Topic::Notifications, &self.group, from).await
    }

    /// The output of `future`, or `None` if a drain begins first.
    async fn unless_drained<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut draining = self.draining.clone();
        tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => None,
            output = future => Some(output),
        }
    }
}
