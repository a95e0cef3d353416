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
/// The default of [`Config::hidden_ms`](crate::Config::hidden_ms).
pub const HIDDEN_MS: u32 = 40_000;
/// Milliseconds for which records may be hidden where the brokers cannot be asked who hides them: longer than the 15 minutes that
/// brokers allow a transaction by default.
pub const HIDDEN_UNEXPLAINED_MS_MAX: u64 = 20 * 60 * 1000;
/// Milliseconds between two warnings of records that are hidden in the same partition.
pub const HIDDEN_WARNING_MS: u64 = 60_000;
/// Bytes of a broker's answer about producers and transactions.
pub const BROKER_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
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
/// Bytes of one batch of a producer, before it is compressed; a larger record goes alone.
pub const BATCH_BYTES_MAX: u32 = 1_000_000;
/// Bytes of one record that the client sends, before it is compressed. Topics decide, which allow 1,048,588 bytes by default.
pub const MESSAGE_BYTES_MAX: u32 = 2 * 1024 * 1024;
/// Bytes that a topic must take in one record: the largest record, its key, its headers and the frame of its batch.
pub const TOPIC_MESSAGE_BYTES_MIN: u32 = 272 * 1024;
/// Bytes of the largest batch that a topic may take: the client reads no answer of a broker of 100,000,000 bytes or more.
pub const TOPIC_MESSAGE_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Milliseconds for which notifications and dead letters should be kept at least: a week, Kafka's default.
pub const KEPT_MS_MIN: i64 = 7 * 24 * 60 * 60 * 1000;
/// File descriptors of a client of librdkafka beside those of each broker: its own pipe, and the pipe and the connection of the
/// coordinator, which are five; and some that are being closed.
pub const DESCRIPTORS_OF_A_CLIENT: u64 = 8;
/// File descriptors of a client of librdkafka for each broker: the pipe that wakes its thread, and the connection, which are three;
/// and one that is being closed.
pub const DESCRIPTORS_OF_A_BROKER: u64 = 4;
/// Clients of a process beside those of its partitions: members, readers, look-ups and what appends.
pub const SHARED_CLIENTS: u64 = 12;
/// File descriptors of a process for everything else: its listener, connections to it and to the store, and its runtime.
pub const DESCRIPTORS_OF_THE_PROCESS: u64 = 300;
