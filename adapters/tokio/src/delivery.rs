//! One channel, from the log to its notifier: subscribing, again after each failure.

use std::future::Future;
use std::sync::Arc;

use logistics_core::port::{Clock, EventBus, Notifier, PortError, ReadLimit, Subscription, Topic};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use crate::backoff::{Attempts, as_ms};
use crate::clock::SystemClock;
use crate::delivery_stats::{Call, DeliveryStats};
use crate::failure::sentence;
use crate::first_start::start_of_group;
use crate::following::{Following, Stopped};
use crate::options::NotificationsOptions;

/// What delivers one channel. It shares nothing with other channels but the bus.
pub(crate) struct ChannelDelivery {
    pub(crate) bus: Arc<dyn EventBus>,
    /// The channel's name.
    pub(crate) channel: Arc<str>,
    /// The group that keeps the channel's positions.
    pub(crate) group: String,
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) options: Arc<NotificationsOptions>,
    /// What one delivery holds.
    pub(crate) limit: ReadLimit,
    pub(crate) stats: Arc<DeliveryStats>,
    pub(crate) draining: watch::Receiver<bool>,
}

impl ChannelDelivery {
    /// Subscribes, and again whenever the subscription fails, until a drain. True where the group's position is behind
    /// everything that is done.
    pub(crate) async fn run(self) -> bool {
        let mut attempts = Attempts::new(self.options.subscribe_backoff);
        loop {
            match self.unless_drained(self.subscribe()).await {
                None => return true,
                Some(Ok(subscription)) => {
                    self.stats.subscribed(true);
                    let following = Following::new(&self, subscription, &mut attempts);
                    if let Stopped::Drained { clean } = following.run().await {
                        return clean;
                    }
                    self.stats.subscribed(false);
                }
                Some(Err(error)) => {
                    let why = sentence(&error);
                    warn!(
                        channel = &*self.channel,
                        why, "failed to subscribe to the notifications; it is retried"
                    );
                }
            }
            let delay = attempts.failed();
            self.stats.failing(Call::Subscribe, format!("failures so far: {}", attempts.failures()));
            tracing::debug!(delay_ms = as_ms(delay), "waiting before the next try");
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

    /// What comes of `future`, or nothing if a drain is asked for first.
    async fn unless_drained<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut draining = self.draining.clone();
        tokio::select! {
            biased;
            _ = draining.wait_for(|draining| *draining) => None,
            output = future => Some(output),
        }
    }
}
