//! What the binaries wire alike: the flags of parts, the adapters made from them, health, and the start and the end of a
//! process. What any command-line program needs is in `logistics-cli-kit`.
//!
//! A process begins with its [`Front`], so that its health can be asked for; then it waits until what it [requires] is
//! there; only then it begins its [`Work`]. [`Running`] is all of that, and [`run`] runs it until a signal comes.
//!
//! [requires]: Required

#[cfg(feature = "cluster")]
pub mod cluster;
mod environment;
mod front;
mod instance;
mod limits;
mod log_key;
mod notify;
mod policy;
mod probes;
mod running;
mod start;
mod work;

pub use environment::{parse, parse_from};
pub use front::{Front, HealthDetailsArgs, HttpArgs};
pub use instance::InstanceArgs;
pub use limits::{ClockArgs, MemoryArgs, REQUEST_BYTES_DEFAULT};
pub use log_key::LogKeyArgs;
pub use notify::NotifyArgs;
pub use policy::PolicyArgs;
pub use probes::Probes;
pub use running::{Running, run};
pub use start::{Patience, Required, Waiting, until_there};
pub use work::{Deciding, NewNotifier, Work};
