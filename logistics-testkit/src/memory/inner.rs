//! The state that the bus shares with its members and readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use super::faults::Dice;
use super::shared::Shared;
use crate::broker::Broker;
use logistics_core::Partition;
use logistics_core::limits::RECORD_BYTES_MAX;
use logistics_core::port::{Clock, PortError, PortErrorKind, Topic};

/// The state that the bus shares with its members and readers.
pub(super) struct Inner {
    pub(super) partitions: u32,
    pub(super) shared: Shared<Broker>,
    pub(super) clock: Option<Arc<dyn Clock>>,
    /// The number of members and readers so far: each has its own name.
    pub(super) named: AtomicU32,
}

impl Inner {
    /// One step that may write records, at the current time.
    pub(super) fn write<R>(&self, step: impl FnOnce(&mut Broker, &mut Dice) -> R) -> R {
        self.shared.update(|broker, dice| {
            if let Some(clock) = &self.clock {
                broker.set_time(clock.now());
            }
            step(broker, dice)
        })
    }

    pub(super) fn name(&self) -> u32 {
        self.named.fetch_add(1, Ordering::Relaxed)
    }
}

/// Rejects a record for a topic that only owners write, or for a partition that does not exist.
pub(super) fn check_published(topic: Topic, partition: Partition, partitions: u32) -> Result<(), PortError> {
    if topic.is_published() && partition.0 < partitions {
        return Ok(());
    }
    let message = format!("partition {partition} of {} accepts no published record", topic.name());
    Err(PortError::new(PortErrorKind::Refused, message))
}

/// Rejects a record over the log's limit.
pub(super) fn check_size(payload: &Bytes) -> Result<(), PortError> {
    if payload.len() <= RECORD_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the record has {} bytes; the limit is {RECORD_BYTES_MAX}", payload.len());
    Err(PortError::new(PortErrorKind::TooLarge, message))
}
