//! The shared wiring of the binaries: flags of the parts, their adapters, health, and the start and end of a process. Parts of
//! any command-line program are in `logistics-cli-kit`.
//!
//! A process first starts its [`HttpServer`], which serves its health. It retries every [`StartupCheck`] until all pass, and then
//! starts its [`Services`]. An [`App`] is the server with the services, and [`run`] runs it until a signal.

mod api_ports;
mod app;
mod auth;
#[cfg(feature = "cluster")]
pub mod cluster;
mod deciding;
mod email;
mod email_delivery;
mod environment;
mod health_registry;
mod http_server;
mod instance;
mod key_file;
mod limits;
mod live;
mod log_key;
mod notify;
#[cfg(feature = "otlp")]
mod otlp;
mod policy;
mod rate_limits;
mod services;
mod startup;
mod telemetry;
mod tls;
mod tracking;
mod webhook_delivery;
mod webhooks;

pub use logistics_service::audit::TARGET as AUDIT_TARGET;

pub use api_ports::ApiPorts;
pub use app::{App, run};
pub use auth::AuthArgs;
pub use deciding::DecidingArgs;
pub use email::EmailArgs;
pub use email_delivery::EmailDelivery;
pub use environment::{parse, parse_from};
pub use health_registry::HealthRegistry;
pub use http_server::{HealthDetailsArgs, HttpArgs, HttpServer};
pub use instance::InstanceArgs;
pub use limits::{MemoryArgs, REQUEST_BYTES_DEFAULT};
pub use log_key::LogKeyArgs;
pub use notify::NotifyArgs;
pub use services::{Deciding, NewNotifier, Services};
pub use startup::{RetryPolicy, StartupCheck, StartupHealth, wait_until_ready};
pub use telemetry::{LogSystem, Telemetry, TelemetryArgs};
pub use tls::TlsArgs;
pub use webhook_delivery::{WebhookDelivery, WebhookDeliveryArgs};
pub use webhooks::WebhookArgs;
