//! The engine's limits. Each name ends in its unit.

/// Default partition count of a new data file.
pub const PARTITIONS_DEFAULT: u32 = 4;
/// Maximum partition count.
pub const PARTITIONS_MAX: u32 = 1024;
/// Default memory for pages of the data file. It fills with use.
pub const CACHE_BYTES_DEFAULT: usize = 64 * 1024 * 1024;
/// Maximum size of the queue of the writer. Beyond it, callers wait before their requests are queued.
pub const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Minimum size at which a queued request is counted. It bounds the number of small requests.
pub const REQUEST_BYTES_MIN: usize = 1024;
/// Maximum size of the requests in one write cycle, unless a single request is larger.
pub const CYCLE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Default memory for recent records of all logs, for readers near the end.
pub const TAIL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A block of records is complete at this size, before compression.
pub const BLOCK_BYTES_TARGET: usize = 128 * 1024;
/// Maximum size of one read from the file. It bounds the time for which a read occupies a thread.
pub const FILE_READ_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Maximum number of outcomes kept in memory. Beyond it, the oldest are removed early.
pub const OUTCOMES_MAX: usize = 65_536;
/// Rows that one step of clearing a partition reads, including rows of other partitions.
pub const CLEAR_ROWS_MAX: usize = 2048;
/// Entries that one page of the list inspects, if it selects among them.
pub const PAGE_INSPECTED_MAX: usize = 10_000;
/// Up to this number, documents are loaded on the caller's thread.
pub const INLINE_DOCUMENTS_MAX: usize = 64;
/// Maximum length of a group's name.
pub const GROUP_BYTES_MAX: usize = 256;
/// Maximum time from the answer to a store write until it is synced. Log writes are synced before the answer.
pub const FLUSH_MS_MAX: u64 = 100;
/// An idle writer syncs deferred store writes after this time.
pub const FLUSH_QUIET_MS: u64 = 2;
/// Pause between retries on a full or failing disk.
pub const RETRY_MS_MIN: u64 = 250;
/// Free space that a full disk needs before writes continue.
pub const ROOM_BYTES_MIN: usize = 4 * 1024 * 1024;
/// Up to this size, a file is checked completely when it is opened. In a larger file, damage is detected on read.
pub const CHECKED_WHOLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Up to this size, a file is repaired after a crash by reading it. In a larger file, each sync stores the repair information.
pub const REPAIR_BY_READING_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// How long closing the engine waits for running reads.
pub const READERS_LEAVE_MS_MAX: u64 = 1000;
