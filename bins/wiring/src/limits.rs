//! What a process may use, and how far its clock may be off.

use clap::Args;

use logistics_cli_kit::Span;

/// Megabytes of orders, requests and records in memory, unless a flag says otherwise.
const MEMORY_MB_DEFAULT: u64 = 256;
/// How far a clock and the log's may differ, unless a flag says otherwise.
pub(crate) const CLOCK_SKEW_MS_MAX_DEFAULT: u64 = 5000;
const BYTES_PER_MB: u64 = 1024 * 1024;
/// What requests and replies may hold in bytes, unless a flag says otherwise.
pub const REQUEST_BYTES_DEFAULT: u64 = MEMORY_BYTES_DEFAULT / 4;
/// The budget in bytes, unless a flag says otherwise.
pub(crate) const MEMORY_BYTES_DEFAULT: u64 = MEMORY_MB_DEFAULT * BYTES_PER_MB;

/// Flags of every process that keeps orders or requests in memory.
#[derive(Args, Debug, Clone)]
pub struct MemoryArgs {
    /// Megabytes for orders, requests and records in memory, shared by all partitions of the process; of a process that serves
    /// the API, a quarter is for requests and replies under way
    #[arg(
        long, env = "LOGISTICS_MEMORY_MB", value_name = "MB", default_value_t = MEMORY_MB_DEFAULT,
        value_parser = clap::value_parser!(u64).range(16..=1_048_576)
    )]
    memory_mb: u64,
}

impl MemoryArgs {
    /// The budget, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.memory_mb * BYTES_PER_MB
    }

    /// What requests and replies under way may hold of it, in bytes: a quarter.
    #[must_use]
    pub fn for_requests(&self) -> u64 {
        self.bytes() / 4
    }

    /// What is left of it for orders in a process that serves requests too, in bytes.
    #[must_use]
    pub fn for_orders(&self) -> u64 {
        self.bytes() - self.for_requests()
    }
}

/// Flags of every process that decides by time.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClockArgs {
    /// How far this clock and the log's may differ; beyond it nothing is decided by time, and the process is not ready
    #[arg(long, env = "LOGISTICS_CLOCK_SKEW_MAX", value_name = "TIME", default_value_t = Span { ms: CLOCK_SKEW_MS_MAX_DEFAULT })]
    clock_skew_max: Span,
}

impl ClockArgs {
    /// The permitted difference, in milliseconds.
    #[must_use]
    pub(crate) fn skew_ms_max(&self) -> u64 {
        self.clock_skew_max.ms
    }
}
