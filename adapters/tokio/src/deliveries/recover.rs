//! Restoring the deliveries of a partition, and following its records.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use logistics_core::delivery::{DeliveryRecord, Input};
use logistics_core::port::{EventBus, EventBusExt, LogRecord, PortError, PortErrorKind, ReadLimit, Topic};
use logistics_core::wire::{self, RecordError};
use logistics_core::{ChannelName, Offset, Partition};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{error, warn};

use super::driver::Happened;

/// One read of a log.
const READ: ReadLimit = ReadLimit { records: 1_000, bytes: 4 * 1024 * 1024 };
/// The wait before a failed read is repeated.
const RETRY: Duration = Duration::from_millis(500);
/// Records at the end of a partition that are searched first for the offset from which to read.
const LAST_RECORDS: u64 = 64;

/// Restores the deliveries of a partition that wait, and then follows the partition, until it is dropped.
pub(super) struct Recovery {
    pub(super) bus: Arc<dyn EventBus>,
    pub(super) channel: ChannelName,
    pub(super) partition: Partition,
    /// The number of the assignment.
    pub(super) generation: u64,
    pub(super) happened: mpsc::UnboundedSender<Happened>,
}

impl Recovery {
    pub(super) async fn run(self) {
        let Self { channel, partition, .. } = &self;
        let mut is_failing = false;
        let mut from = loop {
            match self.replay().await {
                Ok(next) => break next,
                Err(why) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        error!(%channel, %partition, %why, "failed to restore the deliveries that wait; retrying");
                    }
                    let why = format!("partition {partition}: {why}");
                    let _ = self.happened.send(Happened::Recovering { partition: *partition, why });
                    sleep(RETRY).await;
                }
            }
        };
        self.pass(Input::Recovered { partition: *partition, next: from });
        loop {
            let Err(why) = self.follow(&mut from, &mut is_failing).await;
            if !std::mem::replace(&mut is_failing, true) {
                warn!(%channel, %partition, %why, "failed to read the deliveries; retrying");
            }
            sleep(RETRY).await;
        }
    }

    fn pass(&self, input: Input) {
        let (partition, generation) = (self.partition, self.generation);
        let _ = self.happened.send(Happened::Partition { partition, generation, input });
    }

    /// Passes on every record from `from` on.
    async fn follow(&self, from: &mut Offset, is_failing: &mut bool) -> Result<Infallible, PortError> {
        let Self { bus, partition, .. } = self;
        let bounds = bus.bounds(Topic::Deliveries, *partition).await?;
        *from = bounds.start.max(*from);
        let mut tail = bus.tail(Topic::Deliveries, *partition, *from).await?;
        loop {
            let batch = tail.next(READ).await?;
            (*from, *is_failing) = (batch.next, false);
            for record in batch.records {
                let (partition, offset) = (*partition, record.offset);
                let record = self.decode(&record).ok().map(Box::new);
                self.pass(Input::Followed { partition, offset, record });
            }
        }
    }

    /// Passes on the records that are needed, and returns the position behind the last.
    async fn replay(&self) -> Result<Offset, PortError> {
        let Self { bus, partition, .. } = self;
        let bounds = bus.bounds(Topic::Deliveries, *partition).await?;
        let from = self.first_needed(bounds.start, bounds.end).await?;
        let mut records = bus.read_range(Topic::Deliveries, *partition, from..bounds.end, READ);
        while let Some(record) = records.next().await {
            let record = record?;
            let (partition, offset) = (*partition, record.offset);
            match self.decode(&record) {
                Ok(record) => self.pass(Input::Replayed { partition, offset, record: Box::new(record) }),
                Err(why @ RecordError::NewerVersion(_)) => {
                    let text = format!("offset {offset}: {why}: run that release");
                    return Err(PortError::new(PortErrorKind::Refused, text));
                }
                Err(_) => {}
            }
        }
        Ok(bounds.end)
    }

    fn decode(&self, record: &LogRecord) -> Result<DeliveryRecord, RecordError> {
        let (channel, partition, offset) = (&self.channel, self.partition, record.offset);
        wire::decode_delivery(&record.payload).inspect_err(|why| {
            warn!(%channel, %partition, %offset, %why, "an invalid record of a delivery was skipped");
        })
    }

    /// The offset from which to read: one of the last records of an owner of this channel names it.
    async fn first_needed(&self, start: Offset, end: Offset) -> Result<Offset, PortError> {
        let Self { bus, channel, partition, .. } = self;
        let (mut to, mut count) = (end, LAST_RECORDS);
        while to > start {
            let from = Offset(to.0.saturating_sub(count)).max(start);
            let mut oldest = None;
            let mut records = bus.read_range(Topic::Deliveries, *partition, from..to, READ);
            while let Some(record) = records.next().await {
                let record = wire::decode_delivery(&record?.payload).ok();
                let own = record.filter(|record| record.channel == *channel);
                oldest = own.and_then(|record| record.written).map(|written| written.oldest).or(oldest);
            }
            if let Some(oldest) = oldest {
                return Ok(oldest.clamp(start, end));
            }
            (to, count) = (from, count.saturating_mul(4));
        }
        Ok(start)
    }
}
