//! Every limit of the engine, by name, with its unit last.

/// Partitions of a new data directory where nothing else is asked for.
pub const PARTITIONS_DEFAULT: u32 = 4;
/// Partitions at most.
pub const PARTITIONS_MAX: u32 = 1024;
/// Memory for pages of the data file, where nothing else is asked for. It fills with use.
pub const CACHE_BYTES_DEFAULT: usize = 64 * 1024 * 1024;
/// Requests that wait for the writer, by what they hold; with more, callers wait before they are queued.
pub const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What every queued request counts as at least, so that small ones are bounded in number too.
pub const REQUEST_BYTES_MIN: usize = 1024;
/// What one write cycle takes from the queue, unless a single request is larger.
pub const CYCLE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Recent records of all logs that are kept in memory for readers that are near the end.
pub const TAIL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Records are stored in blocks; one is closed when it has reached this many bytes.
pub const BLOCK_BYTES_TARGET: usize = 128 * 1024;
/// What one read takes from the file, so that no read occupies a thread for long.
pub const FILE_READ_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Outcomes that stand in memory for whoever waits for them; with more, the oldest go before their time.
pub const OUTCOMES_MAX: usize = 65_536;
/// Rows that one step of a partition's removal looks at, whichever partition they are of.
pub const CLEAR_ROWS_MAX: usize = 2048;
/// Documents that are loaded at once on the caller's own thread.
pub const INLINE_DOCUMENTS_MAX: usize = 64;
/// A group's name.
pub const GROUP_BYTES_MAX: usize = 256;
/// Store writes are durable this long after they were answered at the latest; the log is durable before it answers.
pub const FLUSH_MS_MAX: u64 = 100;
/// With nothing to do for this long, what was put off is brought to the disk.
pub const FLUSH_QUIET_MS: u64 = 2;
/// Pause before a full or failing disk is tried again.
pub const RETRY_MS_MIN: u64 = 250;
/// Room that must be there before a disk counts as not full any more.
pub const ROOM_BYTES_MIN: usize = 4 * 1024 * 1024;
/// Up to this size, a file is checked whole when it is opened; in a larger one, what is damaged is found when it is read.
pub const CHECKED_WHOLE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Up to this size, a file is repaired after a crash by reading all of it; beyond, each commit says what is in use.
pub const REPAIR_BY_READING_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// How long the end waits for reads that are under way.
pub const READERS_LEAVE_MS_MAX: u64 = 1000;
