//! What comes to a log, as it comes.

use std::convert::Infallible;
use std::sync::Arc;

use futures::stream::TryStreamExt;
use logistics_cli_kit::{BaseUrl, Failure};
use logistics_core::port::{EventBus, EventBusExt, Topic};
use logistics_core::{Offset, Partition};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Entry;
use super::reader::{PAGE, Page, path, unread};
use crate::client::api::{self, Api};

/// How long a server is asked to wait for a record before it answers that there is none.
const WAIT_S: u64 = 20;
/// Pages that wait to be shown.
const PAGES_WAITING: usize = 8;

type Arrival = Result<(Partition, Vec<Entry>), Failure>;

/// A reader for each partition of a topic, each with a connection of its own. Dropping it ends them.
pub(crate) struct Follower {
    arrivals: mpsc::Receiver<Arrival>,
    _readers: JoinSet<()>,
}

impl Follower {
    /// Begins to read from a server, each partition from its offset.
    pub(crate) fn start(url: &BaseUrl, topic: Topic, from: Vec<Offset>) -> Self {
        Self::reading(from, |partition, from, arrivals| {
            read(Api::new(url.clone()), topic, partition, from, arrivals)
        })
    }

    /// The same where the log is.
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
        let ended = || Err(Failure::refused("nobody reads the log any more"));
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
            // Whoever does not want it any more drops the readers too.
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
    while let Some(batch) = batches.try_next().await.map_err(|error| unread(&error))? {
        if !batch.records.is_empty() {
            let entries = batch.records.iter().map(Entry::of).collect();
            let _ = arrivals.send(Ok((partition, entries))).await;
        }
    }
    Err(Failure::refused("the log ended"))
}
