#![doc = include_str!("../README.md")]

mod config;
mod error;
mod keys;
pub mod limits;
mod quota;
mod read;
mod script;
mod server;
mod store;
mod write;

pub use config::{Config, Servers};
pub use error::RedisStoreError;
pub use store::RedisStore;
