//! Reading a log, wherever it is.

use logistics_core::port::{Bounds, EventBus, PortError, ReadLimit, Topic};
use logistics_core::{Offset, Partition};
use logistics_embedded::Engine;
use serde::Deserialize;

use super::{Entry, Source};
use crate::client::api::{self, Api};
use crate::data;
use crate::exit::Failure;

/// Records that are in memory at a time: those of one page.
const PAGE_RECORDS: usize = 1000;
/// What of them the payloads may take, as the server has it too.
const PAGE_BYTES: usize = 1024 * 1024;

/// A log that can be read.
pub(crate) enum Reader {
    Served(Box<Api>),
    Stored(Engine),
}

/// Records of one partition.
#[derive(Deserialize)]
pub(super) struct Page {
    partitions: u32,
    start: Offset,
    end: Offset,
    /// Where to read on.
    pub(super) next: Offset,
    pub(super) records: Vec<Entry>,
}

impl Reader {
    /// Opens it; a server is asked with the first call.
    ///
    /// # Errors
    /// The engine's sentence, where the data directory cannot be used.
    pub(crate) async fn open(source: &Source) -> Result<Self, Failure> {
        match source {
            Source::Served(url) => Ok(Self::Served(Box::new(Api::new(url.clone())))),
            Source::Directory(data_dir) => data::open_stopped(data_dir).await.map(Self::Stored),
        }
    }

    /// Where each partition starts and ends, in their order.
    pub(crate) async fn bounds(&mut self, topic: Topic) -> Result<Vec<Bounds>, Failure> {
        let mut all = Vec::new();
        let mut partitions = 1;
        while all.len() < partitions as usize {
            let partition = Partition(all.len() as u32);
            match self {
                Self::Served(api) => {
                    let path = format!("/log/{}/{partition}?from=end&limit=1", topic.name());
                    let page: Page = api::parsed(&api.get(&path).await?)?;
                    partitions = page.partitions;
                    all.push(Bounds { start: page.start, end: page.end });
                }
                Self::Stored(engine) => {
                    partitions = engine.partitions();
                    all.push(engine.bus().bounds(topic, partition).await.map_err(|error| unread(&error))?);
                }
            }
        }
        Ok(all)
    }

    /// Hands out what stands within the bounds, page by page, for as long as `each` answers that it wants more. Answers
    /// whether it wanted all.
    pub(super) async fn read(
        &mut self,
        topic: Topic,
        partition: Partition,
        bounds: Bounds,
        mut each: impl FnMut(Entry) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let mut from = bounds.start;
        while from < bounds.end {
            let page = match self {
                Self::Served(api) => api::parsed(&api.get(&path(topic, partition, from)).await?)?,
                Self::Stored(engine) => stored(engine.bus().as_ref(), topic, partition, from).await?,
            };
            for entry in page.records.into_iter().filter(|entry| entry.offset < bounds.end) {
                if !each(entry)? {
                    return Ok(false);
                }
            }
            from = page.next;
        }
        Ok(true)
    }

    /// Closes a data directory.
    pub(super) fn close(self) -> Result<(), Failure> {
        match self {
            Self::Served(_) => Ok(()),
            Self::Stored(engine) => engine.close().map_err(|error| Failure::refused(error.to_string())),
        }
    }
}

/// The path of a page.
pub(super) fn path(topic: Topic, partition: Partition, from: Offset) -> String {
    format!("/log/{}/{partition}?from={from}&limit={PAGE_RECORDS}", topic.name())
}

/// A page of a data directory; there must be something to read, or it would be waited for.
async fn stored(
    bus: &dyn EventBus,
    topic: Topic,
    partition: Partition,
    from: Offset,
) -> Result<Page, Failure> {
    let Bounds { start, end } = bus.bounds(topic, partition).await.map_err(|error| unread(&error))?;
    let mut tail = bus.tail(topic, partition, from).await.map_err(|error| unread(&error))?;
    let limit = ReadLimit { records: PAGE_RECORDS, bytes: PAGE_BYTES };
    let batch = tail.next(limit).await.map_err(|error| unread(&error))?;
    let records = batch.records.iter().map(Entry::of).collect();
    Ok(Page { partitions: bus.partitions(), start, end, next: batch.next, records })
}

fn unread(error: &PortError) -> Failure {
    Failure::refused(format!("cannot read the log: {error}"))
}
