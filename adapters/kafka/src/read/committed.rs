//! What is committed in one partition, for its readers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logistics_core::port::{Batch, Bounds, LogIdentity, ReadLimit, Topic};
use logistics_core::{Offset, Partition};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::admin::transactions::{self, RequestOutcome};
use crate::error::KafkaError;
use crate::limits::HIDDEN_UNEXPLAINED_MS_MAX;
use crate::read::fetcher::{Fetcher, PartitionReader};
use crate::read::lookup::Lookup;

/// A reader of the committed records of one partition, which says whose transaction hides records, and whether it does so for
/// good.
pub(crate) struct Committed {
    lookup: Arc<Lookup>,
    topic: Topic,
    partition: Partition,
    reader: PartitionReader,
    /// Set while records are there that cannot be read. Kept over reads that are cancelled.
    hidden: Mutex<Option<Hidden>>,
}

#[derive(Clone, Copy)]
struct Hidden {
    from: Offset,
    /// When records were first seen behind `from`.
    since: Instant,
    /// The brokers said that no transaction is open.
    none_open: bool,
}

impl Committed {
    /// `fetcher` reads that topic.
    pub(crate) fn new(
        lookup: &Arc<Lookup>,
        topic: Topic,
        partition: Partition,
        fetcher: &Arc<Fetcher>,
    ) -> Self {
        let reader = fetcher.partition(partition, Arc::new(Notify::new()));
        Self { lookup: lookup.clone(), topic, partition, reader, hidden: Mutex::default() }
    }

    /// Where the log starts, and where it ends with what is not committed yet.
    ///
    /// # Errors
    /// [`KafkaError`]
    pub(crate) async fn bounds(&self) -> Result<Bounds, KafkaError> {
        self.lookup.bounds(self.topic, self.partition).await
    }

    /// Which log this is.
    ///
    /// # Errors
    /// [`KafkaError`]
    pub(crate) async fn identity(&self) -> Result<LogIdentity, KafkaError> {
        self.lookup.identity().await
    }

    /// Waits until there is something at `from` and reads it, for as long as another client's transaction is open there. Can be
    /// cancelled.
    ///
    /// # Errors
    /// [`KafkaError::Hidden`] where records are hidden by a transaction that the brokers do not have, and whatever else
    /// [`KafkaError`] has.
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

    /// Notes that nothing can be read at `from`. Answers since when, where there is something: a transaction that began a moment
    /// ago hides its records as well.
    fn note(&self, from: Offset, end: Offset) -> Option<Hidden> {
        let mut hidden = self.hidden();
        if end <= from {
            *hidden = None;
        } else if hidden.is_none_or(|hidden| hidden.from != from) {
            *hidden = Some(Hidden { from, since: Instant::now(), none_open: false });
        }
        *hidden
    }

    /// Asks the brokers which transaction hides the records, and logs it.
    async fn explain(&self, hidden: Hidden) -> Result<(), KafkaError> {
        let Hidden { from, since, none_open } = hidden;
        let config = &self.lookup.brokers.config;
        let (brokers, topic, partition) = (config.brokers.clone(), config.topic(self.topic), self.partition);
        let lost = KafkaError::Hidden { brokers: brokers.clone(), topic: topic.clone(), partition, from };
        match transactions::inquire(&self.lookup, &topic, partition).await {
            Ok(RequestOutcome::Lost) => Err(lost),
            // What ended in between can be read by the next look.
            Ok(RequestOutcome::NoneOpen) if none_open => Err(lost),
            Ok(RequestOutcome::NoneOpen) => {
                if let Some(hidden) = self.hidden().as_mut() {
                    hidden.none_open = true;
                }
                Ok(())
            }
            Ok(RequestOutcome::Open(open)) => {
                if let Some(hidden) = self.hidden().as_mut() {
                    hidden.none_open = false;
                }
                if self.lookup.may_warn(self.topic, partition) {
                    tracing::warn!(
                        "partition {partition} of {topic} at {brokers} waits at offset {from} behind {open}. Records behind it are \
                         read once it has ended; nothing is lost"
                    );
                }
                Ok(())
            }
            Err(_) if since.elapsed() >= Duration::from_millis(HIDDEN_UNEXPLAINED_MS_MAX) => Err(lost),
            Err(why) => {
                if self.lookup.may_warn(self.topic, partition) {
                    tracing::warn!(
                        cause = why,
                        "partition {partition} of {topic} at {brokers} waits at offset {from}, probably behind an open transaction of \
                         another client. `kafka-transactions.sh --bootstrap-server {brokers} find-hanging --topic {topic} --partition \
                         {partition}` shows whether its end was lost, and `describe-producers` its producer"
                    );
                }
                Ok(())
            }
        }
    }
}
