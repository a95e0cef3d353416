//! Committed records of one partition.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logistics_core::port::{Batch, Bounds, LogIdentity, ReadLimit, Topic};
use logistics_core::{Offset, Partition};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::admin::transactions::{self, HidingTransaction};
use crate::error::KafkaError;
use crate::limits::HIDDEN_UNEXPLAINED_MS_MAX;
use crate::read::fetcher::{Fetcher, PartitionReader};
use crate::read::lookup::Lookup;

/// A reader of the committed records of one partition. It reports the transaction that hides records, and whether its end is lost.
pub(crate) struct Committed {
    lookup: Arc<Lookup>,
    topic: Topic,
    partition: Partition,
    reader: PartitionReader,
    /// Set while the partition has hidden records. Kept when a read is cancelled.
    hidden: Mutex<Option<Hidden>>,
}

#[derive(Clone, Copy)]
struct Hidden {
    from: Offset,
    /// The time at which records after `from` were first seen.
    since: Instant,
    /// The brokers reported no open transaction.
    none_open: bool,
}

impl Committed {
    /// `fetcher` must read the same topic.
    pub(crate) fn new(
        lookup: &Arc<Lookup>,
        topic: Topic,
        partition: Partition,
        fetcher: &Arc<Fetcher>,
    ) -> Self {
        let reader = fetcher.partition(partition, Arc::new(Notify::new()));
        Self { lookup: lookup.clone(), topic, partition, reader, hidden: Mutex::default() }
    }

    /// The bounds of the log, uncommitted records included.
    ///
    /// # Errors
    /// [`KafkaError`]
    pub(crate) async fn bounds(&self) -> Result<Bounds, KafkaError> {
        self.lookup.bounds(self.topic, self.partition).await
    }

    /// The identity of the log.
    ///
    /// # Errors
    /// [`KafkaError`]
    pub(crate) async fn identity(&self) -> Result<LogIdentity, KafkaError> {
        self.lookup.identity().await
    }

    /// Reads at `from`, and waits until there is a committed record. Can be cancelled.
    ///
    /// # Errors
    /// [`KafkaError::Hidden`] if a transaction hides records that no broker has open, and all other errors of a call.
    pub(crate) async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, KafkaError> {
        let look = Duration::from_millis(self.lookup.brokers.config.hidden_ms.max(1).into());
        loop {
            if let Ok(read) = tokio::time::timeout(look, self.reader.read(from, limit)).await {
                *self.hidden() = None;
                return read;
            }
            let end = self.bounds().await?.end;
            if let Some(hidden) = self.note(from, end)
                && hidden.since.elapsed() >= look
            {
                self.explain(hidden).await?;
            }
        }
    }

    fn hidden(&self) -> MutexGuard<'_, Option<Hidden>> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that nothing can be read at `from`. Returns the hidden records, if the log has any after `from`.
    fn note(&self, from: Offset, end: Offset) -> Option<Hidden> {
        let mut hidden = self.hidden();
        if end <= from {
            *hidden = None;
        } else if hidden.is_none_or(|hidden| hidden.from != from) {
            *hidden = Some(Hidden { from, since: Instant::now(), none_open: false });
        }
        *hidden
    }

    /// Queries the brokers for the transaction that hides the records, and logs it.
    async fn explain(&self, hidden: Hidden) -> Result<(), KafkaError> {
        let Hidden { from, since, none_open } = hidden;
        let config = &self.lookup.brokers.config;
        let (brokers, topic, partition) = (config.brokers.clone(), config.topic(self.topic), self.partition);
        let lost = KafkaError::Hidden { brokers: brokers.clone(), topic: topic.clone(), partition, from };
        match transactions::inquire(&self.lookup, &topic, partition).await {
            Ok(HidingTransaction::Lost) => Err(lost),
            // The transaction may have ended in between: the next read would return its records.
            Ok(HidingTransaction::NoneOpen) if none_open => Err(lost),
            Ok(HidingTransaction::NoneOpen) => {
                if let Some(hidden) = self.hidden().as_mut() {
                    hidden.none_open = true;
                }
                Ok(())
            }
            Ok(HidingTransaction::Open(open)) => {
                if let Some(hidden) = self.hidden().as_mut() {
                    hidden.none_open = false;
                }
                if self.lookup.may_warn(self.topic, partition) {
                    tracing::warn!(
                        "partition {partition} of {topic} at {brokers} waits at offset {from} for {open}. Reading continues when the \
                         transaction ends; no record is lost"
                    );
                }
                Ok(())
            }
            Err(_) if since.elapsed() >= Duration::from_millis(HIDDEN_UNEXPLAINED_MS_MAX) => Err(lost),
            Err(why) => {
                if self.lookup.may_warn(self.topic, partition) {
                    tracing::warn!(
                        cause = why,
                        "partition {partition} of {topic} at {brokers} waits at offset {from}, probably for an open transaction of \
                         another client. `kafka-transactions.sh --bootstrap-server {brokers} find-hanging --topic {topic} --partition \
                         {partition}` shows whether its end is lost, and `describe-producers` shows its producer"
                    );
                }
                Ok(())
            }
        }
    }
}
