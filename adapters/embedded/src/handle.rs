//! What every port of an engine shares.

use std::sync::Arc;

use bytes::Bytes;
use logistics_core::limits::RECORD_BYTES_MAX;

use crate::error::EmbeddedError;
use crate::shared::Shared;
use crate::writer::queue::Queue;

/// Reads the shared state, and sends requests to the writer. The writer ends when the last handle is dropped.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Queue,
}

/// Rejects a record that exceeds the log's limit.
pub(crate) fn check_size(payload: &Bytes) -> Result<(), EmbeddedError> {
    if payload.len() <= RECORD_BYTES_MAX { Ok(()) } else { Err(EmbeddedError::TooLarge(payload.len())) }
}
