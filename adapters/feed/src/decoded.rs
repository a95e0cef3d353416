//! Decodes the facts among records.

use std::sync::Arc;

use logistics_core::Partition;
use logistics_core::port::LogRecord;
use logistics_core::wire::{self, Record};

use crate::event::{FeedError, Forms, LoggedFact};

/// The fact of a record. `None` for other records, including invalid ones, which the processor dead-letters.
///
/// # Errors
/// [`FeedError::Newer`] if a newer release wrote the record.
pub(crate) fn fact(record: &LogRecord, partition: Partition) -> Result<Option<Arc<LoggedFact>>, FeedError> {
    let offset = record.offset;
    match wire::decode(record, partition) {
        Ok(Record::Fact(fact)) => {
            let (bytes, forms) = (record.payload.len(), Forms::default());
            Ok(Some(Arc::new(LoggedFact { partition, offset, fact, bytes, forms })))
        }
        Err(error) if error.is_newer() => Err(FeedError::Newer { partition, offset, error: error.error }),
        Ok(Record::Input(_) | Record::Outcome(_)) | Err(_) => Ok(None),
    }
}
