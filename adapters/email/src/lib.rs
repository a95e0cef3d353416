#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod connection;
mod connections;
mod message;
mod notifier;
mod options;
mod pace;
mod reply;
mod server;
mod settled;
mod templates;
mod unsubscribe;

pub use notifier::EmailNotifier;
pub use options::{CannotSend, EmailOptions, Sender};
pub use server::{InvalidServer, Security, SmtpLogin, SmtpServer};
pub use templates::{
    EmailTemplates, InvalidTemplates, TEMPLATE_BYTES_MAX, TEMPLATE_FILES_MAX, TEXT_BYTES_MAX,
};
pub use unsubscribe::{InvalidUnsubscribe, UnsubscribeUrl};
