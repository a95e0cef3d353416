//! Limits of a process: its memory, and the permitted clock skew.

use clap::Args;

use logistics_cli_kit::Span;

/// Default memory for orders, requests and records.
const MEMORY_MB_DEFAULT: u64 = 256;
/// Default of the permitted difference between this clock and the log's.
pub(crate) const CLOCK_SKEW_MS_MAX_DEFAULT: u64 = 5000;
const BYTES_PER_MB: u64 = 1024 * 1024;
/// Default memory for running requests and replies.
pub const REQUEST_BYTES_DEFAULT: u64 = MEMORY_BYTES_DEFAULT / 4;
/// Default memory of a process.
pub(crate) const MEMORY_BYTES_DEFAULT: u64 = MEMORY_MB_DEFAULT * BYTES_PER_MB;

/// Flags of every process that keeps orders or requests in memory.
#[derive(Args, Debug, Clone)]
pub struct MemoryArgs {
    /// Megabytes for orders, requests and records in memory, shared by all partitions of the process. A process that serves
    /// the API uses a quarter for running requests and replies
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

    /// The quarter for running requests and replies, in bytes.
    #[must_use]
    pub fn for_requests(&self) -> u64 {
        self.bytes() / 4
    }

    /// The rest for orders in a process that also serves requests, in bytes.
    #[must_use]
    pub fn for_orders(&self) -> u64 {
        self.bytes() - self.for_requests()
    }
}

/// Flags of every process that decides by time.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClockArgs {
    /// Maximum difference between this clock and the log's. Beyond it, no timer fires and the process is not ready
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
