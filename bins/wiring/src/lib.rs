//! What the binaries share: flags, logging, signals, exit codes, health, and the start and the end of a process. No binary
//! has a copy of any of it.
//!
//! A process begins with its [`Front`], so that its health can be asked for; then it waits until what it [requires] is
//! there; only then it begins its [`Work`]. [`Running`] is all of that, and [`run`] runs it until a signal comes.
//!
//! [requires]: Required

#[cfg(feature = "cluster")]
pub mod cluster;
mod environment;
mod exit;
mod front;
mod health;
mod http;
mod instance;
mod limits;
mod log_key;
mod logging;
mod notify;
pub mod output;
mod policy;
mod probes;
mod process;
mod running;
mod signals;
mod span;
mod start;
#[cfg(feature = "testkit")]
pub mod testkit;
mod work;

pub use exit::Failure;
pub use front::{Front, HealthDetailsArgs, HttpArgs};
pub use health::HealthArgs;
pub use http::{BaseUrl, Client, Reply};
pub use instance::InstanceArgs;
pub use limits::{ClockArgs, MemoryArgs, REQUEST_BYTES_DEFAULT};
pub use log_key::LogKeyArgs;
pub use logging::{LogArgs, start_for_problems};
pub use notify::NotifyArgs;
pub use policy::PolicyArgs;
pub use probes::Probes;
pub use process::{block_on, end, parse, parse_from, sentence};
pub use running::{Running, run};
pub use signals::{EndsAtOnce, Signals};
pub use span::Span;
pub use start::{Patience, Required, Waiting, until_there};
pub use work::{Deciding, NewNotifier, Work};
