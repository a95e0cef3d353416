//! The processor's settings and limits.

use super::producer_roles::ProducerRoles;
use crate::backoff::Backoff;
use crate::policy::Policy;
use crate::port::ReadLimit;
use crate::wire::LogKeys;

/// How a processor works. The defaults are for an engine that commits thousands of records at once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Settings {
    /// Partitions of every topic.
    pub partitions: u32,
    /// Dwell times and deadlines.
    pub policy: Policy,
    /// Most inputs that one transaction answers.
    pub batch_inputs_max: usize,
    /// Facts of one transaction; a batch ends at this number.
    pub batch_facts_max: usize,
    /// Bytes of memory for the partition: inputs, loaded and unwritten orders, the cache. An estimate, and a single order fits
    /// however large it is.
    pub memory_bytes_max: usize,
    /// Cached orders. Orders of an unsettled store write are kept in addition.
    pub cache_orders_max: usize,
    /// Orders waiting for a store write; with more, no new transaction begins.
    pub unwritten_orders_max: usize,
    /// The limit of one read.
    pub read: ReadLimit,
    /// Inputs read ahead; with more, no further read begins.
    pub inbox_inputs_max: usize,
    /// Milliseconds without work after which the committed offset is moved up and the store's token compared.
    pub idle_ms: u64,
    /// Milliseconds before the first retry; each further retry waits twice as long.
    pub backoff_ms_min: u64,
    /// Maximum milliseconds between two attempts.
    pub backoff_ms_max: u64,
    /// Consecutive acquisitions with the store ahead of the log, after which the partition halts.
    pub ahead_attempts_max: u32,
    /// Milliseconds by which this owner's clock may differ from the log's. Beyond that, no timer fires.
    pub clock_skew_ms_max: u64,
    /// The keys that sign and verify facts and outcomes, and verify inputs. With keys, an unsigned record of an owner behind the
    /// partition's first signed record is foreign, and an unsigned input may ask only what [`Self::producer_roles`] permits.
    /// `None`: no record is signed or verified.
    pub log_keys: Option<LogKeys>,
    /// What an unsigned input may ask. Without [`Self::log_keys`] it has no effect.
    pub producer_roles: ProducerRoles,
    /// Emits events of single orders too. Each costs one or two allocations; the driver sets this when an observer wants
    /// them.
    pub emit_order_events: bool,
    /// Builds a report of each transaction; the driver sets this when an observer wants them.
    pub report_transactions: bool,
}

impl Settings {
    /// The defaults, for this many partitions.
    #[must_use]
    pub fn new(partitions: u32, policy: Policy) -> Self {
        Self {
            partitions,
            policy,
            batch_inputs_max: 200,
            batch_facts_max: 5000,
            memory_bytes_max: 64 * 1024 * 1024,
            cache_orders_max: 10_000,
            unwritten_orders_max: 20_000,
            read: ReadLimit { records: 2000, bytes: 2 * 1024 * 1024 },
            inbox_inputs_max: 1000,
            idle_ms: 1000,
            backoff_ms_min: 50,
            backoff_ms_max: 5000,
            ahead_attempts_max: 5,
            clock_skew_ms_max: 5000,
            log_keys: None,
            producer_roles: ProducerRoles::default(),
            emit_order_events: true,
            report_transactions: false,
        }
    }

    /// The waits between two attempts. The processor has no randomness: two owners of one partition do not retry together.
    pub(super) fn backoff(&self) -> Backoff {
        Backoff { delay_ms_min: self.backoff_ms_min, delay_ms_max: self.backoff_ms_max, jitter_percent: 0 }
    }
}
