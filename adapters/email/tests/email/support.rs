//! Notifiers and notifications of the tests.

use logistics_core::notify::{Notification, Recipient};
use logistics_core::{Actor, Contact, Reason, Status};
use logistics_email::{EmailNotifier, EmailOptions, Sender, SmtpLogin, SmtpServer};
use logistics_testkit::sample;

use logistics_test_support::smtp::{self, Encryption, PASSWORD, USER};

pub(crate) const CUSTOMER: &str = "ann.secret@customer.example";
pub(crate) const MERCHANT: &str = "shop.secret@merchant.example";

pub(crate) fn options() -> EmailOptions {
    EmailOptions::new(Sender::parse("Shop <orders@shop.example>").unwrap())
}

/// The address of the server, with its authority and the right login.
pub(crate) fn address(server: &smtp::SmtpServer) -> SmtpServer {
    let port = server.port;
    let (url, plaintext) = match server.encryption {
        Encryption::Tls => (format!("smtps://localhost:{port}"), false),
        Encryption::StartTls => (format!("smtp://localhost:{port}"), false),
        Encryption::None => (format!("smtp://localhost:{port}"), true),
    };
    let address = SmtpServer::parse(&url, plaintext).unwrap().with_roots(server.ca.clone());
    if plaintext {
        return address;
    }
    address.with_login(SmtpLogin::parse(&format!("{USER}\n{PASSWORD}\n")).unwrap()).unwrap()
}

pub(crate) fn notifier(server: &smtp::SmtpServer) -> EmailNotifier {
    EmailNotifier::new(address(server), options()).unwrap()
}

pub(crate) fn contact(email: &str, language: Option<&str>) -> Contact {
    let mut contact = Contact::new(email.parse().unwrap());
    contact.language = language.map(|tag| tag.parse().unwrap());
    contact
}

/// A notification to the customer alone.
pub(crate) fn to_customer(status: Status) -> Notification {
    let mut notification = sample::notification(status);
    let customer = Recipient::new(Actor::Customer, "customer-1".parse().ok());
    notification.recipients = vec![customer.with_contact(Some(contact(CUSTOMER, None)))];
    notification
}

/// The same, and to the merchant.
pub(crate) fn to_both(status: Status) -> Notification {
    let mut notification = to_customer(status);
    let merchant = Recipient::new(Actor::Merchant, "merchant-1".parse().ok());
    notification.recipients.push(merchant.with_contact(Some(contact(MERCHANT, Some("de-AT")))));
    notification
}

pub(crate) fn because(mut notification: Notification, reason: &str) -> Notification {
    notification.reason = Some(Reason::parse(reason).unwrap());
    notification
}
