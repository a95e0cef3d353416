//! From the log to the notifier.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use logistics_core::notify::Notification;
use logistics_core::port::{
    Delivery, EventBus, Notifier, NotifyError, PortError, StartAt, Subscription, Topic,
};
use logistics_core::{Offset, Partition, wire};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{error, warn};

use crate::backoff::{Attempts, as_ms};
use crate::failure::{panic_text, sentence};
use crate::options::NotificationsOptions;
use crate::tally::Tally;

pub(crate) struct Delivering {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) notifier: Arc<dyn Notifier>,
    pub(crate) options: NotificationsOptions,
    pub(crate) tally: Arc<Tally>,
    pub(crate) draining: watch::Receiver<bool>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    /// The subscription is of no use any more.
    Resubscribe,
    /// A drain was asked for.
    End,
}

impl Delivering {
    /// Subscribes, and again whenever the subscription fails, until asked to drain.
    pub(crate) async fn run(self) {
        let mut attempts = Attempts::new(self.options.subscribe_backoff);
        loop {
            let subscribing = self.bus.subscribe(Topic::Notifications, &self.options.group, StartAt::Start);
            match self.unless_drained(subscribing).await {
                None => return,
                Some(Ok(mut subscription)) => {
                    self.tally.retrying(None);
                    self.tally.subscribed(true);
                    if self.follow(subscription.as_mut(), &mut attempts).await == Then::End {
                        return;
                    }
                    self.tally.subscribed(false);
                }
                Some(Err(error)) => warn!(why = sentence(&error), "could not subscribe to the notifications"),
            }
            if self.pause(&mut attempts, "subscribing".to_owned()).await == Then::End {
                return;
            }
        }
    }

    async fn follow(&self, subscription: &mut dyn Subscription, attempts: &mut Attempts) -> Then {
        loop {
            let delivery = match self.unless_drained(subscription.next()).await {
                None => return Then::End,
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => match self.failed("reading the notifications", &error, attempts).await {
                    Then::GoOn => {
                        // The next try may wait for as long as there is nothing to read.
                        self.tally.retrying(None);
                        continue;
                    }
                    then => return then,
                },
            };
            attempts.succeeded();
            let then = self.deliver(subscription, delivery).await;
            if then != Then::GoOn {
                return then;
            }
        }
    }

    /// Delivers the records one by one and acknowledges them together; on a drain, those that are done with.
    async fn deliver(&self, subscription: &mut dyn Subscription, delivery: Delivery) -> Then {
        let Delivery { partition, batch } = delivery;
        let mut done = None;
        for record in batch.records {
            // A notifier that answers at once must not keep other tasks from running.
            tokio::task::consume_budget().await;
            let then = match self.is_draining() {
                true => Then::End,
                false => self.deliver_record(partition, record.offset, &record.payload).await,
            };
            if then == Then::End {
                if let Some(next) = done {
                    self.acknowledge(subscription, partition, next).await;
                }
                return Then::End;
            }
            done = Some(record.offset.next());
        }
        self.acknowledge(subscription, partition, batch.next).await
    }

    async fn deliver_record(&self, partition: Partition, offset: Offset, payload: &[u8]) -> Then {
        match wire::decode_notification(payload) {
            Ok(notification) => self.notify(partition, offset, &notification).await,
            Err(why) => {
                error!(%partition, %offset, %why, "a record that is no notification was passed by; it stays in the log");
                self.tally.undecodable(format!("partition {partition} offset {offset}: {why}"));
                Then::GoOn
            }
        }
    }

    /// Tries until it is delivered or never can be.
    async fn notify(&self, partition: Partition, offset: Offset, notification: &Notification) -> Then {
        let mut attempts = Attempts::new(self.options.notify_backoff);
        loop {
            let error = match self.attempt(notification).await {
                Ok(()) => {
                    if attempts.failures() > 0 {
                        self.tally.retrying(None);
                    }
                    self.tally.delivered();
                    return Then::GoOn;
                }
                Err(error) => error,
            };
            let (order_id, why) = (&notification.order_id, &error.message);
            if !error.retryable {
                error!(
                    %partition, %offset, %order_id, why,
                    "a notification that can never be delivered was passed by; it stays in the log"
                );
                self.tally.retrying(None);
                self.tally.undeliverable(format!("partition {partition} offset {offset}: {why}"));
                return Then::GoOn;
            }
            warn!(%partition, %offset, %order_id, why, "a notification was not delivered; trying again");
            let what = format!("the notification at partition {partition} offset {offset}: {why}");
            if self.pause(&mut attempts, what).await == Then::End {
                return Then::End;
            }
        }
    }

    async fn attempt(&self, notification: &Notification) -> Result<(), NotifyError> {
        let limit = Duration::from_millis(self.options.notify_timeout_ms);
        let notified =
            AssertUnwindSafe(timeout(limit, self.notifier.notify(notification))).catch_unwind().await;
        match notified {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                let message = format!("the notifier did not answer within {} ms", limit.as_millis());
                Err(NotifyError { retryable: true, message })
            }
            Err(panic) => {
                let message = format!("the notifier panicked: {}", panic_text(panic.as_ref()));
                Err(NotifyError { retryable: false, message })
            }
        }
    }

    /// Tries until the position is durable or the subscription is of no use any more.
    async fn acknowledge(
        &self,
        subscription: &mut dyn Subscription,
        partition: Partition,
        next: Offset,
    ) -> Then {
        let mut attempts = Attempts::new(self.options.subscribe_backoff);
        loop {
            match subscription.acknowledge(partition, next).await {
                Ok(()) => {
                    if attempts.failures() > 0 {
                        self.tally.retrying(None);
                    }
                    self.tally.acknowledged();
                    return Then::GoOn;
                }
                Err(error) => match self.failed("acknowledging notifications", &error, &mut attempts).await {
                    Then::GoOn => {}
                    then => return then,
                },
            }
        }
    }

    /// After a failure of the subscription: waits, where it may go on.
    async fn failed(&self, doing: &'static str, error: &PortError, attempts: &mut Attempts) -> Then {
        let (why, retryable) = (sentence(error), error.kind().is_retryable());
        warn!(doing, why, "the subscription failed; trying again");
        if retryable { self.pause(attempts, format!("{doing}: {why}")).await } else { Then::Resubscribe }
    }

    async fn pause(&self, attempts: &mut Attempts, what: String) -> Then {
        let delay = attempts.failed();
        self.tally.retrying(Some(format!("{what}; failures so far: {}", attempts.failures())));
        tracing::debug!(delay_ms = as_ms(delay), "waiting before another attempt");
        let slept = self.unless_drained(sleep(delay)).await;
        if slept.is_some() { Then::GoOn } else { Then::End }
    }

    fn is_draining(&self) -> bool {
        *self.draining.borrow()
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
