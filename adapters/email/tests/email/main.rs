//! The notifier against a real SMTP server.

mod addresses_hidden;
mod conformance;
mod faults;
mod messages;
mod support;
