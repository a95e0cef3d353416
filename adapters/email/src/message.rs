//! One message: its headers and its parts.

use std::time::{Duration, SystemTime};

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message};
use logistics_core::notify::{Notification, Recipient};
use logistics_core::port::{NotifyError, NotifyErrorKind};

use crate::options::Sender;
use crate::templates::Texts;

/// What a message is made from.
pub(crate) struct Draft<'a> {
    pub(crate) from: &'a Sender,
    pub(crate) to: &'a Address,
    pub(crate) notification: &'a Notification,
    pub(crate) recipient: &'a Recipient,
    pub(crate) texts: Texts,
    /// The URL, and whether one request to it suffices.
    pub(crate) unsubscribe: Option<(&'a str, bool)>,
}

impl Draft<'_> {
    /// The bytes of the message. All headers follow from the notification, so a retry sends the same ones.
    ///
    /// # Errors
    /// `Invalid` if the message cannot be built.
    pub(crate) fn build(self) -> Result<Vec<u8>, NotifyError> {
        let Self { from, to, notification, recipient, texts, unsubscribe } = self;
        let mut builder = Message::builder()
            .from(from.0.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(texts.subject)
            .date(
                SystemTime::UNIX_EPOCH
                    + Duration::from_millis(notification.at.as_millis().try_into().unwrap_or_default()),
            )
            .message_id(Some(message_id(from, notification, recipient)));
        builder = header(builder, "Auto-Submitted", "auto-generated".to_owned());
        builder = header(builder, "Content-Language", texts.language);
        builder = header(builder, "X-Order-Id", notification.order_id.to_string());
        builder = header(builder, "X-Order-Version", notification.version.to_string());
        builder = header(builder, "X-Order-Status", notification.status.name().to_owned());
        if let Some((url, is_one_click)) = unsubscribe {
            builder = header(builder, "List-Unsubscribe", format!("<{url}>"));
            if is_one_click {
                builder = header(builder, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned());
            }
        }
        let plain = SinglePart::plain(texts.plain);
        let message = match texts.html {
            Some(html) => builder
                .multipart(MultiPart::alternative().singlepart(plain).singlepart(SinglePart::html(html))),
            None => builder.singlepart(plain),
        };
        // The error does not contain the address.
        let invalid =
            |error| NotifyError::new(NotifyErrorKind::Invalid, format!("cannot build the e-mail: {error}"));
        Ok(message.map_err(invalid)?.formatted())
    }
}

/// The same for every attempt: order, version and role identify the message. An order id, a number and a role contain no character
/// that ends an atom.
fn message_id(from: &Sender, notification: &Notification, recipient: &Recipient) -> String {
    let Notification { order_id, version, .. } = notification;
    format!("<{order_id}.{version}.{}@{}>", recipient.role.name(), from.address().domain())
}

/// A header with a value without line breaks: lettre encodes every other character that is not printable ASCII (RFC 2047).
fn header(builder: MessageBuilder, name: &'static str, value: String) -> MessageBuilder {
    builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value))
}

/// The address of a recipient, for the envelope.
///
/// # Errors
/// `Invalid` if lettre rejects the address. The error does not contain it.
pub(crate) fn address(email: &logistics_core::EmailAddress) -> Result<Address, NotifyError> {
    let invalid =
        |_| NotifyError::new(NotifyErrorKind::Invalid, "the recipient's e-mail address cannot be used");
    email.expose().parse().map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_core_can_be_used() {
        for email in ["a@b.co", "o'neil_{x}+#$&*-=?^`~@xn--bcher-kva.example", "A.B@c-d.e1"] {
            assert_eq!(address(&email.parse().unwrap()).unwrap().to_string(), email);
        }
        let local = "l".repeat(64);
        let domain = ["d".repeat(63), "e".repeat(63), "f".repeat(61)].join(".");
        assert!(address(&format!("{local}@{domain}").parse().unwrap()).is_ok());
    }
}
