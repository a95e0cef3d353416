#![doc = include_str!("../README.md")]

mod check;
mod clear;
mod config;
mod connection;
mod error;
mod keys;
pub mod limits;
mod list;
mod lookup;
mod outcomes;
mod script;
mod sentinel;
mod servers;
mod store;
mod write;

pub use config::{Config, Servers};
pub use error::RedisStoreError;
pub use store::RedisStore;
