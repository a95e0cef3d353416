//! The state of a running system at one moment.

use super::breaker::BreakerReading;
use crate::ids::{Offset, Partition, Timestamp};
use crate::port::StatusSummary;

/// Answers what the state is now. A scrape of the metrics asks it.
///
/// To be correct, an implementation neither makes calls nor waits: what needs a call is read in the background, and the latest
/// answer is returned.
pub trait Gauges: Send + Sync {
    /// Passes each reading on.
    fn read(&self, into: &mut dyn FnMut(Reading));
}

/// One reading.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reading {
    /// Of the processor of a partition.
    Processor(ProcessorReading),
    /// Of a partition of the log.
    Log(LogReading),
    /// Of the transaction that hides the end of a partition of the log.
    OpenTransaction(OpenTransactionReading),
    /// Of the orders of one status.
    Orders(StatusSummary),
    /// Of the store.
    Store(StoreReading),
    /// Of a channel of notifications.
    Channel(ChannelReading),
    /// Of a dependency.
    Dependency(DependencyReading),
    /// Of the circuit breaker of a dependency.
    Breaker(BreakerReading),
    /// Whether the process is ready, as `/health/ready` reports it.
    Ready(bool),
}

/// The processor of a partition.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ProcessorReading {
    /// The partition.
    pub partition: Partition,
    /// The phase, in lower case with underscores, such as `live`.
    pub phase: &'static str,
    /// The start of the phase.
    pub phase_since: Timestamp,
    /// The next offset to read.
    pub read_position: Offset,
    /// Every input before this offset is answered.
    pub answered: Offset,
    /// Inputs that were read and not answered.
    pub waiting_inputs: usize,
    /// When the log accepted the oldest of these.
    pub oldest_input_at: Option<Timestamp>,
    /// The number of timers.
    pub timers: usize,
    /// When the earliest timer is due.
    pub next_due: Option<Timestamp>,
    /// Estimated memory in bytes, and its limit.
    pub memory_bytes: usize,
    /// The limit of the memory in bytes.
    pub memory_limit_bytes: usize,
    /// This clock minus the log's, in milliseconds, if the two differ by more than permitted.
    pub clock_skew_ms: Option<i64>,
}

/// A partition of the log of orders, as a process sees it that does not own it.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct LogReading {
    /// The partition.
    pub partition: Partition,
    /// Its end: the offset behind the last record.
    pub end: Offset,
    /// Every input before this offset is answered in the store.
    pub answered: Offset,
    /// When the log accepted the oldest record that is not answered; `None`: everything is answered.
    pub unanswered_since: Option<Timestamp>,
}

/// The transaction that hides the end of a partition of the log from its readers.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct OpenTransactionReading {
    /// The partition.
    pub partition: Partition,
    /// Since when no committed reader has come closer to the end; `None`: no transaction is open, or it is a short one.
    pub since: Option<Timestamp>,
}

impl OpenTransactionReading {
    /// The reading of a partition.
    #[must_use]
    pub fn new(partition: Partition, since: Option<Timestamp>) -> Self {
        Self { partition, since }
    }
}

/// The store.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct StoreReading {
    /// Its name, such as `redis` or `embedded`.
    pub name: &'static str,
    /// Used memory, or the size of the file, in bytes.
    pub used_bytes: Option<u64>,
    /// The limit of [`Self::used_bytes`], if there is one.
    pub limit_bytes: Option<u64>,
    /// Redis: the eviction policy. Anything but `noeviction` loses orders' documents.
    pub eviction_policy: Option<String>,
    /// Redis: the number of keys evicted since its start.
    pub evicted_keys: Option<u64>,
}

/// A channel of notifications.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ChannelReading {
    /// Its name.
    pub channel: String,
    /// The time of the fact of the oldest notification that this process has read and not completed.
    pub oldest_at: Option<Timestamp>,
    /// The partitions whose notification is being retried.
    pub retrying: usize,
    /// The partitions that halted at a record of a newer release.
    pub halted: usize,
    /// Notifications that wait for another attempt, stored in the log; `None`: the channel stores none.
    pub waiting: Option<usize>,
    /// The time of the fact of the oldest of these.
    pub waiting_since: Option<Timestamp>,
    /// Receivers that are attempted less often because they failed; `None`: the channel does not tell receivers apart.
    pub breakers_open: Option<usize>,
}

/// A dependency of the process.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct DependencyReading {
    /// Its name: `log` or `store`.
    pub name: &'static str,
    /// The start of its outage; `None`: it answers.
    pub down_since: Option<Timestamp>,
}

/// The metrics of a process as text.
pub trait Exposition: Send + Sync {
    /// The media type of [`Self::text`].
    fn content_type(&self) -> &'static str;

    /// All metrics at this moment.
    fn text(&self) -> String;
}
