#![doc = include_str!("../README.md")]

mod appender;
mod bus;
mod client;
mod committed;
mod config;
mod descriptors;
mod error;
mod fetcher;
pub mod limits;
mod lookup;
mod member;
mod membership;
mod native;
mod subscription;
mod topics;
mod transactions;
mod transactor;
mod watchdog;

pub use bus::KafkaBus;
pub use config::{Config, Sasl, SaslMechanism, Security, Tls};
pub use error::KafkaError;
