//! Named limits.

/// [`Config::session_timeout_ms`](crate::Config::session_timeout_ms) unless told otherwise.
pub const SESSION_TIMEOUT_MS: u32 = 6000;
/// [`Config::timeout_ms`](crate::Config::timeout_ms) unless told otherwise.
pub const TIMEOUT_MS: u32 = 5000;
/// A call of the client that takes this much longer than its own time limit will never return: another client takes its place.
pub const STUCK_MS: u64 = 5000;
/// With more calls that never return, the process is ended.
pub const STUCK_CALLS_MAX: usize = 8;
/// Milliseconds after which brokers abort a transaction that nobody finishes. Until then it hides what follows from readers.
pub const TRANSACTION_TIMEOUT_MS: u32 = 15_000;
/// Milliseconds for which records may be there and not be readable. Longer than any transaction lasts.
pub const HIDDEN_MS_MAX: u64 = 40_000;
/// Messages that a transaction may hold in the client.
pub const QUEUED_MESSAGES_MAX: u32 = 200_000;
/// Kilobytes read ahead of a partition.
pub const READ_AHEAD_KB: u32 = 512;
/// Bytes of one partition in one answer of a broker; a larger batch comes alone.
pub const FETCH_PARTITION_BYTES: u32 = 256 * 1024;
/// Bytes of one answer of a broker, before they are decompressed.
pub const FETCH_BYTES: u32 = 4 * 1024 * 1024;
/// Messages read ahead of a partition.
pub const READ_AHEAD_MESSAGES: u32 = 1_000;
/// Milliseconds for which a partition that is read ahead far enough is left alone.
pub const READ_AHEAD_PAUSE_MS: u32 = 5;
/// Milliseconds for which it is taken as true which broker leads a partition, by whoever asks where it ends.
pub const METADATA_AGE_MS_MAX: u32 = 1000;
/// Milliseconds for which messages wait for company in a batch.
pub const LINGER_MS: u32 = 1;
/// Milliseconds between two statistics of the client that appends, by which it tells that it has its identity.
pub const STATISTICS_MS: u32 = 200;
