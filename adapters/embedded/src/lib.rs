#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod engine;
mod error;
mod file;
mod group;
mod handle;
pub mod limits;
mod log;
mod shared;
mod state;
mod store;
mod writer;

pub use config::Config;
pub use engine::Engine;
pub use error::EmbeddedError;
#[cfg(feature = "testkit")]
pub use redb::StorageBackend;
