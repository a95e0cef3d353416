//! Reading partitions: the facts about endpoints, and the deliveries.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use logistics_core::delivery::Input;
use logistics_core::port::{EventBus, EventBusExt, LogRecord, PortError, PortErrorKind, ReadLimit, Topic};
use logistics_core::wire::{self, RecordError};
use logistics_core::{Offset, Partition};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tracing::{error, warn};

use crate::driver::Happened;
use crate::registry::Registry;

/// One read of a log.
const READ: ReadLimit = ReadLimit { records: 1_000, bytes: 4 * 1024 * 1024 };
/// The wait before a failed read is repeated.
const RETRY: Duration = Duration::from_millis(500);
/// Records at the end of a partition that are searched first for the offset from which to read.
const LAST_RECORDS: u64 = 64;

/// Opens the secret of a fact that was read.
pub(crate) type Opener = Arc<dyn Fn(&mut logistics_core::webhook::EndpointFact) + Send + Sync>;

/// Folds the facts of a partition into the registry, for ever. `caught_up` becomes true at the end that the partition has at the start.
pub(crate) async fn follow_endpoints(
    bus: Arc<dyn EventBus>,
    partition: Partition,
    registry: Registry,
    opener: Option<Opener>,
    happened: mpsc::UnboundedSender<Happened>,
    caught_up: watch::Sender<bool>,
) {
    let topic = Topic::Endpoints;
    let (mut from, mut is_failing) = (Offset(0), false);
    loop {
        let followed = follow(&*bus, topic, partition, &mut from, |records, next, end| {
            is_failing = false;
            for record in records {
                fold(&record, partition, &registry, opener.as_ref(), &happened);
            }
            if next >= end {
                caught_up.send_replace(true);
            }
        })
        .await;
        let Err(why) = followed;
        // One line for an outage: every partition has a reader.
        if !std::mem::replace(&mut is_failing, true) {
            warn!(%partition, %why, "failed to read the webhook endpoints; retrying");
        }
        sleep(RETRY).await;
    }
}

fn fold(
    record: &LogRecord,
    partition: Partition,
    registry: &Registry,
    opener: Option<&Opener>,
    happened: &mpsc::UnboundedSender<Happened>,
) {
    match wire::decode_endpoint_fact(&record.payload) {
        Ok(mut fact) => {
            if let Some(opener) = opener {
                opener(&mut fact);
            }
            if let Ok(endpoint) = registry.fold(&fact, partition) {
                let _ = happened.send(Happened::Endpoint(endpoint));
            }
        }
        Err(why) => {
            let offset = record.offset;
            warn!(%partition, %offset, %why, "an invalid fact about a webhook endpoint was skipped");
        }
    }
}

/// Passes on every record of a partition from `from` on, with the position behind it and the end at the start.
async fn follow(
    bus: &dyn EventBus,
    topic: Topic,
    partition: Partition,
    from: &mut Offset,
    mut pass: impl FnMut(Vec<LogRecord>, Offset, Offset),
) -> Result<std::convert::Infallible, PortError> {
    let bounds = bus.bounds(topic, partition).await?;
    if *from < bounds.start {
        *from = bounds.start;
    }
    pass(Vec::new(), *from, bounds.end);
    let mut tail = bus.tail(topic, partition, *from).await?;
    loop {
        let batch = tail.next(READ).await?;
        *from = batch.next;
        pass(batch.records, batch.next, bounds.end);
    }
}

/// Restores the deliveries of a partition that wait, and then follows the partition, until it is dropped.
pub(crate) async fn recover(
    bus: Arc<dyn EventBus>,
    partition: Partition,
    generation: u64,
    happened: mpsc::UnboundedSender<Happened>,
) {
    let input = |input| _ = happened.send(Happened::Partition { partition, generation, input });
    let mut is_failing = false;
    let mut from = loop {
        match replay(&*bus, partition, &input).await {
            Ok(next) => break next,
            Err(why) => {
                if !std::mem::replace(&mut is_failing, true) {
                    error!(%partition, %why, "failed to restore the webhook deliveries that wait; retrying");
                }
                let why = format!("partition {partition}: {why}");
                let _ = happened.send(Happened::Recovering { partition, why });
                sleep(RETRY).await;
            }
        }
    };
    input(Input::Recovered { partition, next: from });
    loop {
        let followed = follow(&*bus, Topic::Deliveries, partition, &mut from, |records, _, _| {
            is_failing = false;
            for record in records {
                let offset = record.offset;
                let decoded = wire::decode_delivery(&record.payload);
                if let Err(why) = &decoded {
                    warn!(%partition, %offset, %why, "an invalid record of a webhook delivery was skipped");
                }
                input(Input::Followed { partition, offset, record: decoded.ok().map(Box::new) });
            }
        })
        .await;
        let Err(why) = followed;
        if !std::mem::replace(&mut is_failing, true) {
            warn!(%partition, %why, "failed to read the webhook deliveries; retrying");
        }
        sleep(RETRY).await;
    }
}

/// Passes on the records that are needed, and returns the position behind the last.
async fn replay(
    bus: &dyn EventBus,
    partition: Partition,
    input: &(impl Fn(Input) + Sync),
) -> Result<Offset, PortError> {
    let bounds = bus.bounds(Topic::Deliveries, partition).await?;
    let from = first_needed(bus, partition, bounds.start, bounds.end).await?;
    let mut records = bus.read_range(Topic::Deliveries, partition, from..bounds.end, READ);
    while let Some(record) = records.next().await {
        let record = record?;
        let offset = record.offset;
        match wire::decode_delivery(&record.payload) {
            Ok(record) => input(Input::Replayed { partition, offset, record: Box::new(record) }),
            Err(why @ RecordError::NewerVersion(_)) => {
                let text = format!("offset {offset}: {why}: run that release");
                return Err(PortError::new(PortErrorKind::Refused, text));
            }
            Err(why) => {
                warn!(%partition, %offset, %why, "an invalid record of a webhook delivery was skipped");
            }
        }
    }
    Ok(bounds.end)
}

/// The offset from which to read: one of the last records of an owner names it.
async fn first_needed(
    bus: &dyn EventBus,
    partition: Partition,
    start: Offset,
    end: Offset,
) -> Result<Offset, PortError> {
    let (mut to, mut count) = (end, LAST_RECORDS);
    while to > start {
        let from = Offset(to.0.saturating_sub(count)).max(start);
        let mut oldest = None;
        let mut records = bus.read_range(Topic::Deliveries, partition, from..to, READ);
        while let Some(record) = records.next().await {
            if let Some(written) =
                wire::decode_delivery(&record?.payload).ok().and_then(|record| record.written)
            {
                oldest = Some(written.oldest);
            }
        }
        if let Some(oldest) = oldest {
            return Ok(oldest.clamp(start, end));
        }
        (to, count) = (from, count.saturating_mul(4));
    }
    Ok(start)
}
