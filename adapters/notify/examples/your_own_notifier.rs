//! Your own notifier: a channel that passes each notification to another system, here a queue of one message.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError, NotifyErrorKind};
use logistics_core::{Actor, Status};
use logistics_notify::{Language, Templates};
use logistics_testkit::sample;

const RETRY_AFTER_MS: u64 = 500;

struct CustomerQueue {
    messages: SyncSender<(String, String)>,
    templates: Templates,
    language: Language,
}

#[async_trait]
impl Notifier for CustomerQueue {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        // This channel is for customers. A notification for other roles is complete.
        let Some(customer) = notification.recipients.iter().find(|to| to.role == Actor::Customer) else {
            return Ok(());
        };
        // A retry cannot add an address, so the error is not retryable: the driver counts, logs and skips the notification.
        let address = customer.party.as_ref().ok_or_else(|| {
            NotifyError::new(
                NotifyErrorKind::Invalid,
                "the order names no customer; place it with customer_id",
            )
        })?;
        let text = self.templates.render(&self.language, notification);
        self.messages.try_send((address.to_string(), text)).map_err(|error| match error {
            TrySendError::Full(_) => NotifyError::new(NotifyErrorKind::RateLimited, "the queue is full")
                .with_retry_after_ms(RETRY_AFTER_MS),
            TrySendError::Disconnected(_) => {
                NotifyError::new(NotifyErrorKind::Unavailable, "the queue has no reader")
            }
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (messages, queue) = sync_channel(1);
    let (templates, language) = (Templates::english(), Language::parse("en-GB")?);
    let notifier = CustomerQueue { messages, templates, language };

    let notification = sample::notification(Status::Confirmed);
    notifier.notify(&notification).await?;
    let full = notifier.notify(&notification).await.expect_err("the queue has room for one");
    assert_eq!((full.kind(), full.retry_after_ms()), (NotifyErrorKind::RateLimited, Some(RETRY_AFTER_MS)));

    let text = format!("Order {} is now CONFIRMED", notification.order_id);
    assert_eq!(queue.recv()?, ("customer-1".to_owned(), text));
    Ok(())
}
