//! Following a log.

use std::convert::Infallible;
use std::sync::Arc;

use futures::stream::TryStreamExt;
use logistics_cli_kit::Failure;
use logistics_core::port::{EventBus, EventBusExt, Topic};
use logistics_core::{Offset, Partition};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Entry;
use super::reader::{PAGE, Page, path, read_failed};
use crate::client::ServerArgs;
use crate::client::api::{self, Api};

/// How long the server may wait for a record before it returns an empty page.
const WAIT_S: u64 = 20;
/// Pages that are read ahead.
const PAGES_WAITING: usize = 8;

type Arrival = Result<(Partition, Vec<Entry>), Failure>;

/// One reader per partition of a topic, each with its own connection. Dropping the follower ends the readers.
pub(crate) struct Follower {
    arrivals: mpsc::Receiver<Arrival>,
    _readers: JoinSet<()>,
}

impl Follower {
    /// Follows the log of a server, each partition from its offset.
    ///
    /// # Errors
    /// If the token or the authorities cannot be read.
    pub(crate) fn start(server: &ServerArgs, topic: Topic, from: Vec<Offset>) -> Result<Self, Failure> {
        let access = server.access()?;
        Ok(Self::reading(from, |partition, from, arrivals| {
            let api = Api::new(server.url.clone(), access.clone());
            read(api, topic, partition, from, arrivals)
        }))
    }

    /// Follows a stored log, each partition from its offset.
    pub(super) fn on(bus: &Arc<dyn EventBus>, topic: Topic, from: Vec<Offset>) -> Self {
        Self::reading(from, |partition, from, arrivals| {
            read_stored(bus.clone(), topic, partition, from, arrivals)
        })
    }

    fn reading<R: Future<Output = Result<Infallible, Failure>> + Send + 'static>(
        from: Vec<Offset>,
        read: impl Fn(Partition, Offset, mpsc::Sender<Arrival>) -> R,
    ) -> Self {
        let (sender, arrivals) = mpsc::channel(PAGES_WAITING);
        let mut readers = JoinSet::new();
        for (partition, from) in (0..).map(Partition).zip(from) {
            let reading = read(partition, from, sender.clone());
            let sender = sender.clone();
            readers.spawn(async move {
                let Err(failure) = reading.await;
                let _ = sender.send(Err(failure)).await;
            });
        }
        Self { arrivals, _readers: readers }
    }

    /// Waits for the next records of any partition.
    ///
    /// # Errors
    /// The first failure of any reader: nothing is skipped.
    pub(crate) async fn next(&mut self) -> Arrival {
        let ended = || Err(Failure::refused("the readers of the log have ended"));
        self.arrivals.recv().await.unwrap_or_else(ended)
    }
}

async fn read(
    mut api: Api,
    topic: Topic,
    partition: Partition,
    mut from: Offset,
    arrivals: mpsc::Sender<Arrival>,
) -> Result<Infallible, Failure> {
    loop {
        let json = api.get_within(&path(topic, partition, from), WAIT_S).await?;
        let page: Page = api::parsed(&json)?;
        from = page.next;
        if !page.records.is_empty() {
            // The receiver is gone only when the readers are about to be dropped too.
            let _ = arrivals.send(Ok((partition, page.records))).await;
        }
    }
}

async fn read_stored(
    bus: Arc<dyn EventBus>,
    topic: Topic,
    partition: Partition,
    from: Offset,
    arrivals: mpsc::Sender<Arrival>,
) -> Result<Infallible, Failure> {
    let mut batches = bus.follow_batches(topic, partition, from, PAGE);
    while let Some(batch) = batches.try_next().await.map_err(|error| read_failed(&error))? {
        if !batch.records.is_empty() {
            let entries = batch.records.iter().map(Entry::of).collect();
            let _ = arrivals.send(Ok((partition, entries))).await;
        }
    }
    Err(Failure::refused("the log ended"))
}
