//! Every limit of the adapter, by name, with its unit last.

use std::time::Duration;

/// The oldest Redis that is taken: its major and minor version.
pub const SERVER_VERSION_MIN: (u32, u32) = (6, 2);
/// How long a connection may take to be there, unless the configuration says otherwise.
pub const CONNECT_TIMEOUT_MS: u64 = 2_000;
/// How long a call may take, unless the configuration says otherwise.
pub const TIMEOUT_MS: u64 = 5_000;
/// Connections at most, unless the configuration says otherwise.
pub const CONNECTIONS_MAX: usize = 16;

/// How much of its `maxmemory` a server may have used before a check warns.
pub(crate) const MEMORY_USED_PERCENT_MAX: u8 = 90;
/// A connection that was lent out within this time is not asked again whether it is alive.
pub(crate) const FRESH_MAX: Duration = Duration::from_secs(1);
/// Redirections that a call to a cluster follows.
pub(crate) const CLUSTER_REDIRECTIONS_MAX: u32 = 3;
/// How soon an awaited outcome is looked for again, at first.
pub(crate) const OUTCOME_POLL_MIN: Duration = Duration::from_millis(2);
/// The same, for one that has been awaited for long.
pub(crate) const OUTCOME_POLL_MAX: Duration = Duration::from_millis(20);
/// Keys that one step of [`clear`](logistics_core::port::OwnerStore::clear) looks at, about.
pub(crate) const CLEAR_SCANNED_MAX: usize = 5_000;
/// How long the report of a lost document stands.
pub(crate) const MISSING_KEPT_MS: u64 = 10 * 60 * 1000;
/// For how long a system that claimed the database counts as alive without another sign.
pub const CLAIM_KEPT_MS: u64 = 90_000;
/// The longest prefix of keys.
pub const KEY_PREFIX_BYTES_MAX: usize = 64;
/// Lost documents that one load reports.
pub(crate) const MISSING_REPORTED_MAX: usize = 1_000;
/// Outcomes that one command asks for.
pub(crate) const OUTCOMES_PER_COMMAND_MAX: usize = 1_000;
