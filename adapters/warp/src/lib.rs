#![doc = include_str!("../README.md")]

mod body;
mod budget;
mod config;
mod context;
#[cfg(feature = "docs-page")]
mod docs;
mod events;
mod failure;
mod fields;
mod filter;
mod guard;
mod header;
mod health;
mod list;
mod log;
mod lookup;
mod openapi;
mod outcome;
mod place;
mod progress;
mod query;
mod readers;
mod reply;
mod request;
mod rounds;
mod route;
mod seen;
mod server;
mod site;
mod step;

pub use config::{Config, IDLE_TIMEOUT_MS_DEFAULT};
pub use context::Api;
pub use openapi::openapi_json;
pub use server::{ServeError, Server, bind, bind_health};
