//! E-mail as a notifier.

use std::fmt;

use async_trait::async_trait;
use futures::future::join_all;
use logistics_core::notify::{Notification, Recipient};
use logistics_core::port::{Notifier, NotifyError};
use logistics_core::{Contact, Language};

use crate::connection::Envelope;
use crate::connections::Connections;
use crate::message::{Draft, address};
use crate::options::{CannotSend, EmailOptions, Sender};
use crate::pace::Pace;
use crate::server::SmtpServer;
use crate::settled::{End, Settled};
use crate::templates::EmailTemplates;
use crate::unsubscribe::UnsubscribeUrl;

/// Sends each notification to the recipients that have an e-mail address, one message each. A notification without addresses is
/// complete.
///
/// A message is sent at least once. Within the process, a retry sends nothing to a recipient whose message the server has
/// accepted. After a restart, or when the server's answer was lost, a message may arrive twice, with the same `Message-ID`.
///
/// [`NotifyError`] has the kind `Rejected` for a mailbox or a message that the server rejects for good, `Deferred` for one that it
/// does not take now, `RateLimited` and `Unavailable` for what passes, `Unauthorized` for a login, a sender or an account that the
/// server rejects, and `Invalid` for a template that fails. No error contains an address or the text of a reply.
pub struct EmailNotifier {
    from: Sender,
    templates: EmailTemplates,
    language: Language,
    unsubscribe: Option<UnsubscribeUrl>,
    pace: Pace,
    connections: Connections,
    settled: Settled,
}

impl EmailNotifier {
    /// A notifier that sends over this server. It connects when it sends.
    ///
    /// # Errors
    /// [`CannotSend::Tls`] if the certificates to trust cannot be read.
    pub fn new(server: SmtpServer, options: EmailOptions) -> Result<Self, CannotSend> {
        let EmailOptions { from, templates, language, unsubscribe, rate_per_s_max, .. } = options;
        let EmailOptions { connections_max, connect_ms_max, send_ms_max, .. } = options;
        let connections = Connections::new(server, connections_max, connect_ms_max, send_ms_max)?;
        let (pace, settled) = (Pace::new(rate_per_s_max), Settled::default());
        Ok(Self { from, templates, language, unsubscribe, pace, connections, settled })
    }

    async fn send(
        &self,
        notification: &Notification,
        recipient: &Recipient,
        contact: &Contact,
    ) -> Result<(), NotifyError> {
        let to = address(&contact.email)?;
        let url = self
            .unsubscribe
            .as_ref()
            .and_then(|url| url.of(&notification.order_id, recipient).map(|text| (text, url.is_one_click())));
        let unsubscribe = url.as_ref().map(|(text, is_one_click)| (text.as_str(), *is_one_click));
        let language = contact.language.as_ref().unwrap_or(&self.language);
        let link = unsubscribe.map(|(text, _)| text);
        let texts = self.templates.render(language, &self.language, notification, recipient, link)?;
        let draft = Draft { from: &self.from, to: &to, notification, recipient, texts, unsubscribe };
        let message = draft.build()?;
        self.pace.turn().await?;
        self.connections.send(&Envelope { from: self.from.address(), to: &to, message: &message }).await
    }

    /// The same, at most once after an end.
    async fn send_once(
        &self,
        notification: &Notification,
        recipient: &Recipient,
        contact: &Contact,
    ) -> Result<(), NotifyError> {
        match self.settled.of(notification, recipient.role) {
            Some(End::Accepted) => return Ok(()),
            Some(End::Rejected(error)) => return Err(error),
            None => {}
        }
        let sent = self.send(notification, recipient, contact).await;
        match &sent {
            Ok(()) => self.settled.settle(notification, recipient.role, End::Accepted),
            Err(error) if !error.is_retryable() => {
                self.settled.settle(notification, recipient.role, End::Rejected(error.clone()));
            }
            Err(_) => {}
        }
        sent
    }
}

#[async_trait]
impl Notifier for EmailNotifier {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let reached = |recipient: &'_ Recipient| recipient.contact.is_some();
        let recipients: Vec<_> = notification.recipients.iter().filter(|to| reached(to)).collect();
        let sends = recipients.iter().filter_map(|to| to.contact.as_ref().map(|contact| (*to, contact)));
        if recipients.len() < 2 {
            for (recipient, contact) in sends {
                self.send(notification, recipient, contact).await?;
            }
            return Ok(());
        }
        let sent = join_all(sends.map(|(to, contact)| self.send_once(notification, to, contact))).await;
        let mut failed = None;
        for error in sent.into_iter().filter_map(Result::err) {
            if error.is_retryable() {
                return Err(error);
            }
            failed.get_or_insert(error);
        }
        self.settled.complete(notification);
        failed.map_or(Ok(()), Err)
    }
}

impl fmt::Debug for EmailNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailNotifier").field("from", &self.from).finish_non_exhaustive()
    }
}
