#![doc = include_str!("../README.md")]

mod access;
mod block;
mod bus;
mod checksum;
mod config;
mod document;
mod engine;
mod error;
mod file;
mod late;
pub mod limits;
mod log;
mod members;
mod membership;
mod outcomes;
mod queue;
mod readers;
mod request;
mod schema;
mod shared;
mod state;
mod store;
mod subscription;
mod tail;
mod writer;

pub use config::Config;
pub use engine::Engine;
pub use error::EmbeddedError;
#[cfg(feature = "testkit")]
pub use redb::StorageBackend;
