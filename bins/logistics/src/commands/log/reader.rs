//! Reading a log of a server or of an engine.

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use logistics_cli_kit::Failure;
use logistics_core::port::{Bounds, EventBus, EventBusExt, PortError, ReadLimit, Topic};
use logistics_core::{Offset, Partition};
use serde::Deserialize;

use super::{Entry, Source};
use crate::client::api::{self, Api};
use crate::engine::{Engine, Needs};

/// Records of one page, which are in memory together.
const PAGE_RECORDS: usize = 1000;
/// Bytes of the payloads of one page; the server's limit too.
const PAGE_BYTES: usize = 1024 * 1024;
/// The page of a stored log.
pub(super) const PAGE: ReadLimit = ReadLimit { records: PAGE_RECORDS, bytes: PAGE_BYTES };

/// A reader of one log.
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
    /// The offset of the next page.
    pub(super) next: Offset,
    pub(super) records: Vec<Entry>,
}

impl Reader {
    /// Opens the log. A server is contacted by the first read.
    ///
    /// # Errors
    /// One sentence, if the log cannot be used.
    pub(crate) async fn open(source: &Source) -> Result<Self, Failure> {
        match source {
            Source::Served(server) => Ok(Self::Served(Box::new(server.api()?))),
            Source::Stored(engine) => engine.existing_checked(Needs::Log).await.map(Self::Stored),
        }
    }

    /// The bounds of each partition, by partition number.
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
                    all.push(
                        engine.bus().bounds(topic, partition).await.map_err(|error| read_failed(&error))?,
                    );
                }
            }
        }
        Ok(all)
    }

    /// Passes the records within the bounds to `each` until it returns `false`. Returns whether all records were passed.
    pub(super) async fn read(
        &mut self,
        topic: Topic,
        partition: Partition,
        bounds: Bounds,
        mut each: impl FnMut(Entry) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let bus;
        let mut entries = match self {
            Self::Served(api) => served(api, topic, partition, bounds),
            Self::Stored(engine) => {
                bus = engine.bus();
                stored(bus.as_ref(), topic, partition, bounds)
            }
        };
        while let Some(entry) = entries.try_next().await? {
            if !each(entry)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The engine of a stored log.
    pub(super) fn engine(&self) -> Option<&Engine> {
        match self {
            Self::Served(_) => None,
            Self::Stored(engine) => Some(engine),
        }
    }

    /// Closes a data directory.
    pub(super) fn close(self) -> Result<(), Failure> {
        match self {
            Self::Served(_) => Ok(()),
            Self::Stored(engine) => engine.close(),
        }
    }
}

/// The path of a page.
pub(super) fn path(topic: Topic, partition: Partition, from: Offset) -> String {
    format!("/log/{}/{partition}?from={from}&limit={PAGE_RECORDS}", topic.name())
}

type Entries<'a> = BoxStream<'a, Result<Entry, Failure>>;

fn stored(bus: &dyn EventBus, topic: Topic, partition: Partition, bounds: Bounds) -> Entries<'_> {
    let records = bus.read_range(topic, partition, bounds.start..bounds.end, PAGE);
    records.map_ok(|record| Entry::of(&record)).map_err(|error| read_failed(&error)).boxed()
}

/// The pages of a server, within the bounds.
fn served<'a>(api: &'a mut Api, topic: Topic, partition: Partition, bounds: Bounds) -> Entries<'a> {
    let next = move |(api, from): (&'a mut Api, Offset)| async move {
        if from >= bounds.end {
            return Ok::<_, Failure>(None);
        }
        let page: Page = api::parsed(&api.get(&path(topic, partition, from)).await?)?;
        let within = page.records.into_iter().filter(move |entry| entry.offset < bounds.end);
        Ok(Some((stream::iter(within.map(Ok)), (api, page.next))))
    };
    stream::try_unfold((api, bounds.start), next).try_flatten().boxed()
}

pub(super) fn read_failed(error: &PortError) -> Failure {
    Failure::of_port("cannot read the log", error)
}
