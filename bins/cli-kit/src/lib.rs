//! Shared parts of command-line programs: exit codes, output, logging, signals, spans of time, a client of the HTTP API, and
//! the command `health`. The crate depends on the core, and on no adapter.

mod access;
mod environment;
mod exit;
mod health;
mod http;
mod http_stream;
mod logging;
pub mod output;
mod process;
mod signals;
mod span;

pub use access::{Access, AccessArgs, TrustArgs};
pub use exit::Failure;
pub use health::HealthArgs;
pub use http::{BaseUrl, Client, Reply};
pub use http_stream::ReplyStream;
pub use logging::{AuditArgs, LogArgs, start_for_problems};
pub use process::{block_on, end, parse_from, sentence};
pub use signals::{EndsAtOnce, Signals};
pub use span::Span;
