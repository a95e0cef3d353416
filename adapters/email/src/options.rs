//! The settings of the notifier.

use std::fmt;

use lettre::Address;
use lettre::message::Mailbox;
use logistics_core::Language;

use crate::templates::EmailTemplates;
use crate::unsubscribe::UnsubscribeUrl;

/// The sender of every message: an address, with or without a name.
#[derive(Clone, PartialEq, Eq)]
pub struct Sender(pub(crate) Mailbox);

/// Why the notifier cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CannotSend {
    /// The sender is no address.
    #[error("the sender is not an e-mail address; write orders@shop.example, or Shop <orders@shop.example>")]
    Sender,
    /// TLS cannot be set up.
    #[error("TLS to the SMTP server: {0}")]
    Tls(String),
}

impl Sender {
    /// The sender in a text such as `orders@shop.example` or `Shop <orders@shop.example>`.
    ///
    /// # Errors
    /// [`CannotSend::Sender`] for any other text.
    pub fn parse(text: &str) -> Result<Self, CannotSend> {
        let mailbox: Mailbox = text.trim().parse().map_err(|_| CannotSend::Sender)?;
        let is_shown = |name: &String| !name.contains(logistics_core::text::is_active);
        if mailbox.name.as_ref().is_some_and(|name| !is_shown(name))
            || !text.is_ascii() && mailbox.name.is_none()
        {
            return Err(CannotSend::Sender);
        }
        logistics_core::EmailAddress::parse(mailbox.email.as_ref()).map_err(|_| CannotSend::Sender)?;
        Ok(Self(mailbox))
    }

    pub(crate) fn address(&self) -> &Address {
        &self.0.email
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string())
    }
}

/// The settings of an [`EmailNotifier`](crate::EmailNotifier).
#[derive(Debug)]
#[non_exhaustive]
pub struct EmailOptions {
    /// The sender.
    pub from: Sender,
    /// The texts.
    pub templates: EmailTemplates,
    /// The language of recipients without one, and of those whose language has no texts. English: `en`.
    pub language: Language,
    /// The address at which a recipient ends the e-mails, for the header `List-Unsubscribe`. `None`: no such header.
    pub unsubscribe: Option<UnsubscribeUrl>,
    /// Messages per second. `None`: no limit. The limit is that of this process.
    pub rate_per_s_max: Option<u32>,
    /// Connections to the SMTP server at the same time.
    pub connections_max: usize,
    /// Milliseconds in which a connection must be ready: TCP, TLS and login.
    pub connect_ms_max: u64,
    /// Milliseconds for one message, from the wait for a connection to the server's answer. The server may have accepted the
    /// message of a call that took longer, and a retry sends it again under the same `Message-ID`.
    pub send_ms_max: u64,
}

impl EmailOptions {
    /// The defaults, with the built-in templates.
    #[must_use]
    pub fn new(from: Sender) -> Self {
        Self {
            from,
            templates: EmailTemplates::built_in(),
            language: Language::english(),
            unsubscribe: None,
            rate_per_s_max: None,
            connections_max: 4,
            connect_ms_max: 10_000,
            send_ms_max: 60_000,
        }
    }
}
