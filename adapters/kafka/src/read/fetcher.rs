//! Reading partitions from positions, with a consumer outside of all groups and a queue for each partition.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use logistics_core::port::{Batch, LogRecord, ReadLimit};
use logistics_core::{Offset, Partition, Timestamp};
use rdkafka::Offset as Position;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::{BorrowedMessage, Message, Timestamp as MessageTimestamp};
use tokio::sync::Notify;

use crate::client::{Brokers, Context, blocking, one};
use crate::error::{CallError, KafkaError, is_unreadable};
use crate::group::member::as_client;
use crate::limits::{
    FETCH_BYTES, FETCH_PARTITION_BYTES, READ_AHEAD_KB, READ_AHEAD_MESSAGES, READ_AHEAD_PAUSE_MS,
};
use crate::native;

type Reader = BaseConsumer<Context>;

/// The prefix of the headers with a CloudEvent's attributes.
const CLOUD_EVENT: &str = "ce_";
/// The header that names the format of the payload.
const CONTENT_TYPE: &str = "content-type";

/// Reads committed records of the partitions of one topic.
pub(crate) struct Fetcher {
    brokers: Arc<Brokers>,
    topic: String,
    consumer: Arc<Reader>,
    slots: Mutex<BTreeMap<i32, Arc<Slot>>>,
    /// Distinguishes readers of the same partition.
    readers: AtomicU64,
}

/// The current read of one partition. The client has one queue for it, so there is one read at a time, and a stopping worker does not
/// disturb the next one.
#[derive(Default)]
struct Slot(Mutex<Option<Reading>>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Reading>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Reading {
    reader: u64,
    queue: PartitionQueue<Context>,
    /// The next offset to read.
    next: Offset,
    /// The error after the records that the previous read returned; the next read returns it.
    failed: Option<KafkaError>,
}

impl Fetcher {
    /// Creates the consumer and fetches its metadata, so that the first read need not wait for it.
    ///
    /// # Errors
    /// [`KafkaError`] if the client rejects a setting or no broker answers.
    pub(crate) async fn open(brokers: &Arc<Brokers>, topic: String) -> Result<Arc<Self>, KafkaError> {
        // The client requires a group id; the reader neither subscribes nor commits in that group.
        let mut settings = brokers.consumer("reader");
        settings
            .set("isolation.level", "read_committed")
            .set("queued.max.messages.kbytes", READ_AHEAD_KB.to_string())
            .set("queued.min.messages", READ_AHEAD_MESSAGES.to_string())
            .set("fetch.message.max.bytes", FETCH_PARTITION_BYTES.to_string())
            .set("fetch.max.bytes", FETCH_BYTES.to_string())
            .set("fetch.queue.backoff.ms", READ_AHEAD_PAUSE_MS.to_string())
            .set("fetch.error.backoff.ms", "100");
        let consumer = settings.create_with_context(Context(brokers.clone()));
        let consumer: Reader = consumer.map_err(|error| brokers.failed("opening a reader", error))?;
        let consumer = Arc::new(consumer);
        let (shared, by, read) = (brokers.clone(), consumer.clone(), topic.clone());
        blocking(move || shared.warm_up_metadata(by.client(), &read, "preparing to read")).await?;
        Ok(Arc::new(Self {
            brokers: brokers.clone(),
            topic,
            consumer,
            slots: Mutex::default(),
            readers: AtomicU64::new(0),
        }))
    }

    /// A reader of one partition, which signals `woken` when there may be records. Of two readers of the same partition, the latest to
    /// read displaces the other.
    pub(crate) fn partition(self: &Arc<Self>, partition: Partition, woken: Arc<Notify>) -> PartitionReader {
        let partition = as_client(partition);
        let reader = self.readers.fetch_add(1, Ordering::Relaxed);
        let slot =
            self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(partition).or_default().clone();
        PartitionReader { fetcher: self.clone(), partition, reader, woken, slot }
    }
}

/// A reader of one partition.
pub(crate) struct PartitionReader {
    fetcher: Arc<Fetcher>,
    partition: i32,
    reader: u64,
    woken: Arc<Notify>,
    slot: Arc<Slot>,
}

impl PartitionReader {
    /// Reads at `from`, and waits until there are records. Can be cancelled.
    ///
    /// # Errors
    /// [`KafkaError`]
    pub(crate) async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, KafkaError> {
        loop {
            let woken = self.woken.notified();
            if let Some(batch) = self.read_now(from, limit)? {
                return Ok(batch);
            }
            woken.await;
        }
    }

    /// Reads the records that have arrived at `from`; `None` if there are none yet. The first call starts the fetch.
    ///
    /// # Errors
    /// [`KafkaError`]
    pub(crate) fn read_now(&self, from: Offset, limit: ReadLimit) -> Result<Option<Batch>, KafkaError> {
        let mut slot = self.slot.lock();
        if slot.as_ref().is_none_or(|reading| reading.reader != self.reader || reading.next != from) {
            // Drop the previous read first: its queue wakes the previous reader.
            *slot = None;
            *slot = Some(self.begin(from)?);
        }
        let Some(reading) = slot.as_mut() else { return Ok(None) };
        let read = self.drain(reading, from, limit);
        if read.is_err() {
            *slot = None;
        }
        read
    }

    fn begin(&self, from: Offset) -> Result<Reading, KafkaError> {
        let Fetcher { topic, consumer, .. } = &*self.fetcher;
        self.stop();
        let position = Position::Offset(i64::try_from(from.0).unwrap_or(i64::MAX));
        let position = one(topic, self.partition, position).map_err(|error| self.failed(error))?;
        let queue = consumer.split_partition_queue(topic, self.partition);
        let mut queue = queue.ok_or(KafkaError::Closed("the reader has no queue for the partition"))?;
        let woken = self.woken.clone();
        queue.set_nonempty_callback(move || woken.notify_one());
        consumer.incremental_assign(&position).map_err(|error| self.failed(error))?;
        Ok(Reading { reader: self.reader, queue, next: from, failed: None })
    }

    fn stop(&self) {
        let Fetcher { topic, consumer, .. } = &*self.fetcher;
        if let Ok(position) = one(topic, self.partition, Position::Invalid) {
            // Fails only if the partition was not assigned.
            let _ = consumer.incremental_unassign(&position);
        }
    }

    fn drain(
        &self,
        reading: &mut Reading,
        from: Offset,
        limit: ReadLimit,
    ) -> Result<Option<Batch>, KafkaError> {
        // Drains client events, which the context receives.
        while self.fetcher.consumer.poll(std::time::Duration::ZERO).is_some() {}
        if let Some(failed) = reading.failed.take() {
            return Err(failed);
        }
        let (mut records, mut bytes) = (Vec::new(), 0);
        while records.len() < limit.records && bytes < limit.bytes {
            match reading.queue.poll(std::time::Duration::ZERO) {
                None => break,
                Some(Err(error)) => {
                    let Some(last): Option<&LogRecord> = records.last() else {
                        return Err(self.failed_at(from, error));
                    };
                    // Return the records before the error; the next read returns the error.
                    let next = last.offset.next();
                    (reading.next, reading.failed) = (next, Some(self.failed_at(next, error)));
                    return Ok(Some(Batch { records, next }));
                }
                Some(Ok(message)) => {
                    let record = record_of(&message);
                    if record.offset >= from {
                        bytes += record.payload.len();
                        records.push(record);
                    }
                }
            }
        }
        // Markers and records of aborted transactions may follow the last record.
        let seen = records.last().map_or(from, |record| record.offset.next());
        let next = self.position().map_or(seen, |position| position.max(seen));
        if next <= from {
            return Ok(None);
        }
        reading.next = next;
        Ok(Some(Batch { records, next }))
    }

    /// The offset after everything that the client has consumed, visible or not.
    fn position(&self) -> Option<Offset> {
        let positions = self.fetcher.consumer.position().ok()?;
        match positions.find_partition(&self.fetcher.topic, self.partition)?.offset() {
            Position::Offset(offset) => u64::try_from(offset).ok().map(Offset),
            _ => None,
        }
    }

    fn failed(&self, error: ClientError) -> KafkaError {
        self.fetcher.brokers.failed("reading", error)
    }

    /// The error after everything before `at` was read.
    fn failed_at(&self, at: Offset, error: ClientError) -> KafkaError {
        if !error.rdkafka_error_code().is_some_and(is_unreadable) {
            return self.failed(error);
        }
        KafkaError::Unreadable {
            brokers: self.fetcher.brokers.config.brokers.clone(),
            topic: self.fetcher.topic.clone(),
            partition: self.partition,
            at: self.position().map_or(at, |position| position.max(at)),
            cause: CallError::new(error),
        }
    }
}

impl Drop for PartitionReader {
    fn drop(&mut self) {
        let mut slot = self.slot.lock();
        if slot.take_if(|reading| reading.reader == self.reader).is_some() {
            self.stop();
        }
    }
}

/// Whether the bus passes the header on: an attribute of a CloudEvent in binary mode, or its content type (CloudEvents Kafka binding
/// 1.0, 3.2.3). Other headers, such as those of tracing, may be many and large.
fn is_kept(name: &str) -> bool {
    let begins = name.get(..CLOUD_EVENT.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(CLOUD_EVENT));
    begins || name.eq_ignore_ascii_case(CONTENT_TYPE)
}

fn record_of(message: &BorrowedMessage<'_>) -> LogRecord {
    let bytes = |bytes: Option<&[u8]>| bytes.map(bytes::Bytes::copy_from_slice);
    LogRecord {
        offset: Offset(u64::try_from(message.offset()).unwrap_or_default()),
        key: bytes(message.key()),
        payload: bytes(message.payload()).unwrap_or_default(),
        headers: native::headers(message, is_kept),
        at: taken_at(message.timestamp()),
    }
}

/// The time at which the log stored a record. With `CreateTime` it is the producer's time, capped at now: a time in the future would
/// delay timers.
fn taken_at(timestamp: MessageTimestamp) -> Timestamp {
    match timestamp {
        MessageTimestamp::LogAppendTime(ms) => Timestamp::from_millis(ms),
        MessageTimestamp::CreateTime(ms) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Timestamp::from_millis(ms.min(i64::try_from(now.as_millis()).unwrap_or(i64::MAX)))
        }
        MessageTimestamp::NotAvailable => Timestamp::default(),
    }
}
