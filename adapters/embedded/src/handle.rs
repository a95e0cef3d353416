//! What every port of an engine holds.

use std::sync::Arc;

use bytes::Bytes;
use logistics_core::limits::RECORD_BYTES_MAX;

use crate::error::EmbeddedError;
use crate::shared::Shared;
use crate::writer::queue::Queue;

/// To look at what is there, and to ask the writer for a change. The writer ends when the last one is gone.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Queue,
}

/// Refuses what the log does not take.
pub(crate) fn check_size(payload: &Bytes) -> Result<(), EmbeddedError> {
    if payload.len() <= RECORD_BYTES_MAX { Ok(()) } else { Err(EmbeddedError::TooLarge(payload.len())) }
}
