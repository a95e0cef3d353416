#![doc = include_str!("../README.md")]

mod admin;
mod bus;
mod client;
mod config;
mod descriptors;
mod error;
mod group;
pub mod limits;
mod native;
mod produce;
mod read;
mod watchdog;

pub use bus::KafkaBus;
pub use config::{Config, Sasl, SaslMechanism, Security, Tls};
pub use error::{CallError, KafkaError};
