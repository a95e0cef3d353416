#![doc = include_str!("../README.md")]

mod body;
mod config;
mod context;
#[cfg(feature = "docs-page")]
mod docs;
mod events;
mod failure;
mod fields;
mod filter;
mod handle;
mod header;
mod health;
mod list;
mod log;
mod openapi;
mod order;
mod place;
mod query;
mod reply;
mod request;
mod route;
mod server;
mod service;
mod site;
mod timeouts;
mod transition;

pub use config::{Config, IDLE_TIMEOUT_MS_DEFAULT};
pub use context::Api;
pub use filter::filter;
pub use openapi::openapi_json;
pub use server::{ServeError, Server, bind, bind_health};
pub use service::{ApiService, service};
