//! What is committed in one partition, for whoever follows it.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::port::{Batch, Bounds, ReadLimit, Topic};
use logistics_core::{Offset, Partition};
use tokio::sync::Notify;

use crate::error::KafkaError;
use crate::fetcher::{Fetched, Fetcher};
use crate::limits::HIDDEN_MS_MAX;
use crate::lookup::Lookup;

/// A reader of the committed records of one partition, which says so where some are hidden for good.
pub(crate) struct Committed {
    lookup: Arc<Lookup>,
    topic: Topic,
    partition: Partition,
    fetched: Fetched,
}

impl Committed {
    /// `fetcher` reads that topic.
    pub(crate) fn new(
        lookup: &Arc<Lookup>,
        topic: Topic,
        partition: Partition,
        fetcher: &Arc<Fetcher>,
    ) -> Self {
        let fetched = fetcher.partition(partition, Arc::new(Notify::new()));
        Self { lookup: lookup.clone(), topic, partition, fetched }
    }

    /// Where the log starts, and where it ends with what is not committed yet.
    ///
    /// # Errors
    /// [`KafkaError`]
    pub(crate) async fn bounds(&self) -> Result<Bounds, KafkaError> {
        self.lookup.bounds(self.topic, self.partition).await
    }

    /// Waits until there is something at `from` and reads it. Can be cancelled.
    ///
    /// # Errors
    /// [`KafkaError::Hidden`] after [`HIDDEN_MS_MAX`], and whatever else [`KafkaError`] has.
    pub(crate) async fn read(&self, from: Offset, limit: ReadLimit) -> Result<Batch, KafkaError> {
        let patience = Duration::from_millis(HIDDEN_MS_MAX);
        loop {
            if let Ok(read) = tokio::time::timeout(patience, self.fetched.read(from, limit)).await {
                return read;
            }
            // Nothing to read, usually. Where there is something, it has been hidden for longer than a transaction may last.
            if self.bounds().await?.end > from {
                let config = &self.lookup.brokers.config;
                let (brokers, topic) = (config.brokers.clone(), config.topic(self.topic));
                return Err(KafkaError::Hidden { brokers, topic, partition: self.partition, from });
            }
        }
    }
}
