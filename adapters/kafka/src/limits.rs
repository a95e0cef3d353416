//! Named limits.

/// The default of [`Config::session_timeout_ms`](crate::Config::session_timeout_ms).
pub const SESSION_TIMEOUT_MS: u32 = 6000;
/// The default of [`Config::timeout_ms`](crate::Config::timeout_ms).
pub const TIMEOUT_MS: u32 = 5000;
/// A client call that exceeds its time limit by this many milliseconds counts as stuck, and another client replaces its client.
pub const STUCK_MS: u64 = 5000;
/// With more stuck calls, the process ends.
pub const STUCK_CALLS_MAX: usize = 8;
/// Milliseconds after which brokers abort an abandoned transaction. Until then it hides later records from readers.
pub const TRANSACTION_TIMEOUT_MS: u32 = 15_000;
/// The default of [`Config::hidden_ms`](crate::Config::hidden_ms).
pub const HIDDEN_MS: u32 = 40_000;
/// Milliseconds for which records may be hidden if the brokers cannot be queried for the producer: longer than the 15 minutes that
/// brokers permit a transaction by default.
pub const HIDDEN_UNEXPLAINED_MS_MAX: u64 = 20 * 60 * 1000;
/// Milliseconds between two warnings about hidden records in the same partition.
pub const HIDDEN_WARNING_MS: u64 = 60_000;
/// Bytes of a broker's response about producers and transactions.
pub const BROKER_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Messages of a transaction in the queue of the client.
pub const QUEUED_MESSAGES_MAX: u32 = 200_000;
/// Kilobytes that the client prefetches per partition.
pub const READ_AHEAD_KB: u32 = 512;
/// Bytes of one partition in one fetch response; a larger batch is returned alone.
pub const FETCH_PARTITION_BYTES: u32 = 256 * 1024;
/// Bytes of one fetch response, compressed.
pub const FETCH_BYTES: u32 = 4 * 1024 * 1024;
/// Messages that the client prefetches per partition.
pub const READ_AHEAD_MESSAGES: u32 = 1_000;
/// Milliseconds for which a partition with enough prefetched messages is not fetched.
pub const READ_AHEAD_PAUSE_MS: u32 = 5;
/// Maximum age of leader metadata in watermark queries, in milliseconds.
pub const METADATA_AGE_MS_MAX: u32 = 1000;
/// Milliseconds for which a producer waits for further messages of a batch.
pub const LINGER_MS: u32 = 1;
/// Milliseconds between two statistics of the appending client, which report that it has its producer id.
pub const STATISTICS_MS: u32 = 200;
/// Bytes of one batch of a producer, uncompressed; a larger record is sent alone.
pub const BATCH_BYTES_MAX: u32 = 1_000_000;
/// Bytes of one record that the client sends, uncompressed. The limit of the topic decides: 1,048,588 bytes by default.
pub const MESSAGE_BYTES_MAX: u32 = 2 * 1024 * 1024;
/// Bytes that a topic must permit for one batch: the largest record, its key, its headers and the frame of its batch.
pub const TOPIC_MESSAGE_BYTES_MIN: u32 = 272 * 1024;
/// Bytes of the largest batch that a topic may permit: the client reads no response of 100,000,000 bytes or more.
pub const TOPIC_MESSAGE_BYTES_MAX: u32 = 64 * 1024 * 1024;
/// Recommended minimum retention of notifications and dead letters in milliseconds: a week, Kafka's default.
pub const KEPT_MS_MIN: i64 = 7 * 24 * 60 * 60 * 1000;
/// File descriptors of a client of librdkafka, without those for each broker. Five are open: its pipe, and the pipe and the connection
/// of the coordinator. The others may be closing.
pub const DESCRIPTORS_OF_A_CLIENT: u64 = 8;
/// File descriptors of a client of librdkafka for each broker. Three are open: the pipe of its thread, and the connection. The other
/// may be closing.
pub const DESCRIPTORS_OF_A_BROKER: u64 = 4;
/// Clients of a process that belong to no partition: members, readers, look-ups and the appender.
pub const SHARED_CLIENTS: u64 = 12;
/// File descriptors of a process for everything else: its listener, connections to it and to the store, and its runtime.
pub const DESCRIPTORS_OF_THE_PROCESS: u64 = 300;
