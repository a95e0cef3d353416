//! Every notifier here passes the suite for notifiers.

mod console;
mod server;
mod slack;
