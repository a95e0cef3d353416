//! From the log to the notifier: subscribing, again and again.

use std::future::Future;
use std::sync::Arc;

use logistics_core::port::{Clock, EventBus, Notifier, PortError, Subscription, Topic};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use crate::backoff::{Attempts, as_ms};
use crate::clock::SystemClock;
use crate::failure::sentence;
use crate::first_start::start_of_group;
use crate::following::{Following, Over};
use crate::options::NotificationsOptions;
use crate::tally::{Call, Tally};

pub(crate) struct Delivering {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) options: Arc<NotificationsOptions>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) draining: watch::Receiver<bool>,
}

impl Delivering {
    /// Subscribes, and again whenever the subscription fails, until a drain. True where the group's position is behind
    /// everything that is done with.
    pub(crate) async fn run(self) -> bool {
        let mut attempts = Attempts::new(self.options.subscribe_backoff);
        loop {
            match self.unless_drained(self.subscribe()).await {
                None => return true,
                Some(Ok(subscription)) => {
                    self.tally.subscribed(true);
                    let following = Following::new(&self, subscription, &mut attempts);
                    if let Over::Drained { clean } = following.run().await {
                        return clean;
                    }
                    self.tally.subscribed(false);
                }
                Some(Err(error)) => warn!(why = sentence(&error), "could not subscribe to the notifications"),
            }
            let delay = attempts.failed();
            self.tally.failing(Call::Subscribe, format!("failures so far: {}", attempts.failures()));
            tracing::debug!(delay_ms = as_ms(delay), "waiting before another attempt");
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
        self.bus.subscribe(Topic::Notifications, &self.options.group, from).await
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
