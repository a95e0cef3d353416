#![doc = include_str!("../README.md")]

mod audited;
mod caller;
mod client_address;
mod config;
mod context;
mod endpoint;
mod filter;
mod handle;
mod health_alone;
mod input;
mod limit;
mod live;
mod openapi;
mod output;
mod peer;
mod reported;
mod route;
mod server;
mod service;
mod site;
mod track;

pub use config::{
    CONNECTIONS_MAX_DEFAULT, Config, ForwardedHeader, HEARTBEAT_MS_DEFAULT, IDLE_TIMEOUT_MS_DEFAULT,
};
pub use context::Api;
pub use filter::filter;
pub use ipnet::IpNet;
pub use openapi::openapi_json;
pub use peer::Peer;
pub use server::{ServeError, Server, Tls, TlsError, bind, bind_health};
pub use service::{ApiService, service};
