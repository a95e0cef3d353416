//! What the binaries wire alike: the flags of parts, the adapters made from them, health, and the start and the end of a
//! process. What any command-line program needs is in `logistics-cli-kit`.
//!
//! A process starts its [`HttpServer`] first, which shows its health. Then it runs every [`StartupCheck`] until all pass, and
//! only then it starts its [`Services`]. An [`App`] is all of that, and [`run`] runs it until a signal comes.

mod app;
#[cfg(feature = "cluster")]
pub mod cluster;
mod deciding;
mod environment;
mod health_registry;
mod http_server;
mod instance;
mod limits;
mod log_key;
mod notify;
mod policy;
mod services;
mod startup;

pub use app::{App, run};
pub use deciding::DecidingArgs;
pub use environment::{parse, parse_from};
pub use health_registry::HealthRegistry;
pub use http_server::{HealthDetailsArgs, HttpArgs, HttpServer};
pub use instance::InstanceArgs;
pub use limits::{MemoryArgs, REQUEST_BYTES_DEFAULT};
pub use log_key::LogKeyArgs;
pub use notify::NotifyArgs;
pub use services::{Deciding, NewNotifier, Services};
pub use startup::{RetryPolicy, StartupCheck, StartupHealth, wait_until_ready};
