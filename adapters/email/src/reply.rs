//! What a reply or a failure means for a notification. Replies of servers quote addresses, so no error contains their text.

use std::error::Error as _;

use lettre::transport::smtp::Error;
use logistics_core::port::{NotifyError, NotifyErrorKind};

/// Codes of a server that requires or rejects a login (RFC 4954).
const LOGIN_CODES: [&str; 4] = ["530", "534", "535", "538"];

/// Enhanced codes that are about the server, the account or a policy, and not about one message.
const CHANNEL_CLASSES: [&str; 3] = ["5.3.", "5.4.5", "5.7."];

/// The part of an SMTP session that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// TCP, TLS, the greeting and EHLO.
    Connect,
    StartTls,
    Login,
    /// `MAIL FROM`: the sender.
    Sender,
    /// `RCPT TO`: the mailbox.
    Recipient,
    /// `DATA` and the message.
    Message,
}

impl Stage {
    /// The end of "the SMTP server rejects ...".
    fn object(self) -> &'static str {
        match self {
            Stage::Connect => "the connection",
            Stage::StartTls => "STARTTLS",
            Stage::Login => "the login",
            Stage::Sender => "the sender",
            Stage::Recipient => "the recipient's mailbox",
            Stage::Message => "the message",
        }
    }
}

/// The error of a notification.
pub(crate) fn failure(stage: Stage, error: &Error) -> NotifyError {
    let Some(code) = error.status() else { return broken(stage, error) };
    let (code, object) = (code.to_string(), stage.object());
    if error.is_transient() {
        let kind = match stage {
            _ if has_class(error, &["4.7."]) => NotifyErrorKind::RateLimited,
            // 421 and 4.3.x are about the server, and the rest is about this message.
            Stage::Recipient | Stage::Message if code != "421" && !has_class(error, &["4.3."]) => {
                NotifyErrorKind::Deferred
            }
            _ => NotifyErrorKind::Unavailable,
        };
        return NotifyError::new(kind, format!("the SMTP server rejects {object} for now (code {code})"));
    }
    let is_of_this_message = matches!(stage, Stage::Recipient | Stage::Message);
    if is_of_this_message && !LOGIN_CODES.contains(&&*code) && !has_class(error, &CHANNEL_CLASSES) {
        let message = format!("the SMTP server rejects {object} (code {code})");
        return NotifyError::new(NotifyErrorKind::Rejected, message);
    }
    let message = format!("the SMTP server rejects {object} (code {code}); check the settings of e-mail");
    NotifyError::new(NotifyErrorKind::Unauthorized, message)
}

/// The enhanced code of the reply begins so (RFC 3463).
fn has_class(error: &Error, classes: &[&str]) -> bool {
    let Some(text) = error.source().map(ToString::to_string) else { return false };
    classes.iter().any(|class| text.starts_with(class))
}

/// No valid reply.
fn broken(stage: Stage, error: &Error) -> NotifyError {
    let object = match stage {
        Stage::Connect => "connect to the SMTP server",
        Stage::StartTls => "start TLS with the SMTP server",
        Stage::Login => "log in to the SMTP server",
        Stage::Sender | Stage::Recipient | Stage::Message => "send to the SMTP server",
    };
    if error.is_client() && matches!(stage, Stage::StartTls | Stage::Login) {
        // The server lacks an extension that the settings require.
        let message = format!("cannot {object}: it does not offer what the settings require");
        return NotifyError::new(NotifyErrorKind::Unauthorized, message);
    }
    // The text of a malformed reply may quote an address; the causes of the others are of the system.
    let message = match error.is_response() {
        true => format!("cannot {object}: its reply is incomplete or no SMTP"),
        false => format!("cannot {object}: {error}"),
    };
    NotifyError::new(NotifyErrorKind::Unavailable, message)
}

/// The server did not answer in time.
pub(crate) fn too_slow(stage: Stage, ms: u64) -> NotifyError {
    let what = if stage == Stage::Connect { "is not ready" } else { "did not answer" };
    NotifyError::new(NotifyErrorKind::Unavailable, format!("the SMTP server {what} within {ms} ms"))
}
