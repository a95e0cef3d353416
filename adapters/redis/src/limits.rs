//! Every limit of the adapter, by name, with its unit last.

use std::time::Duration;

/// The oldest supported Redis: its major and minor version.
pub const SERVER_VERSION_MIN: (u32, u32) = (6, 2);
/// The default time limit for opening a connection.
pub const CONNECT_TIMEOUT_MS: u64 = 2_000;
/// The default time limit of a call.
pub const TIMEOUT_MS: u64 = 5_000;
/// The default maximum number of connections.
pub const CONNECTIONS_MAX: usize = 16;

/// Used share of `maxmemory` above which a check warns.
pub(crate) const MEMORY_USED_PERCENT_MAX: u8 = 90;
/// A connection that was used within this time is not checked before its next use.
pub(crate) const FRESH_MAX: Duration = Duration::from_secs(1);
/// Redirections that a call to a cluster follows.
pub(crate) const CLUSTER_REDIRECTIONS_MAX: u32 = 3;
/// The first interval between two polls of an awaited outcome.
pub(crate) const OUTCOME_POLL_MIN: Duration = Duration::from_millis(2);
/// The longest interval between two polls of an awaited outcome.
pub(crate) const OUTCOME_POLL_MAX: Duration = Duration::from_millis(20);
/// Approximate number of keys that one step of [`clear`](logistics_core::port::OwnerStore::clear) scans.
pub(crate) const CLEAR_SCANNED_MAX: usize = 5_000;
/// Entries that a page of the list inspects, if it selects among them: about this many.
pub(crate) const PAGE_INSPECTED_MAX: usize = 4_000;
/// Entries of one round trip of such a page.
pub(crate) const INSPECTED_AT_ONCE_MAX: usize = 1_000;
/// How long the report of a lost document is kept.
pub(crate) const MISSING_KEPT_MS: u64 = 10 * 60 * 1000;
/// How long the claim of a system lasts without a renewal.
pub const CLAIM_KEPT_MS: u64 = 90_000;
/// The longest prefix of keys.
pub const KEY_PREFIX_BYTES_MAX: usize = 64;
/// Maximum number of lost documents that one load reports.
pub(crate) const MISSING_REPORTED_MAX: usize = 1_000;
/// Maximum number of outcomes that one command reads.
pub(crate) const OUTCOMES_PER_COMMAND_MAX: usize = 1_000;
