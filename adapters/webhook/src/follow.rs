//! Reading the facts about endpoints.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use logistics_core::delivery::{EndpointStatus, ReceiverChange};
use logistics_core::port::{EventBus, LogRecord, PortError, ReadLimit, Topic};
use logistics_core::webhook::{Endpoint, EndpointFact};
use logistics_core::wire::LogKeys;
use logistics_core::{Offset, Partition, wire};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::registry::Registry;

/// One read of a log.
const READ: ReadLimit = ReadLimit { records: 1_000, bytes: 4 * 1024 * 1024 };
/// The wait before a failed read is repeated.
const RETRY: Duration = Duration::from_millis(500);

/// Opens the secret of a fact that was read.
pub(crate) type Opener = Arc<dyn Fn(&mut EndpointFact) + Send + Sync>;

/// The reader of one partition.
#[derive(Clone)]
struct Follower {
    bus: Arc<dyn EventBus>,
    partition: Partition,
    registry: Registry,
    opener: Option<Opener>,
    log_keys: Option<LogKeys>,
    found: mpsc::UnboundedSender<Found>,
}

/// What a reader found.
enum Found {
    Changed(Arc<Endpoint>),
    /// The reader is at the end that its partition had at the start.
    CaughtUp,
}

/// Folds the facts of all partitions into the registry, for as long as the stream exists.
pub(crate) fn follow(
    bus: &Arc<dyn EventBus>,
    registry: &Registry,
    opener: Option<&Opener>,
    log_keys: Option<&LogKeys>,
) -> BoxStream<'static, ReceiverChange> {
    let (found, changes) = mpsc::unbounded_channel();
    let start = |partition| {
        let (bus, registry, opener) = (bus.clone(), registry.clone(), opener.cloned());
        let (log_keys, found) = (log_keys.cloned(), found.clone());
        let follower = Follower { bus, partition, registry, opener, log_keys, found };
        AbortOnDropHandle::new(tokio::spawn(follower.run()))
    };
    let readers: Vec<_> = (0..bus.partitions()).map(Partition).map(start).collect();
    let behind = readers.len();
    // The readers end with the stream.
    let state = (changes, behind, readers);
    stream::unfold(state, |(mut changes, mut behind, readers)| async move {
        loop {
            let change = match changes.recv().await? {
                Found::Changed(endpoint) => ReceiverChange::Status(endpoint.id.clone(), status_of(&endpoint)),
                Found::CaughtUp => {
                    behind -= 1;
                    if behind > 0 {
                        continue;
                    }
                    ReceiverChange::CaughtUp
                }
            };
            return Some((change, (changes, behind, readers)));
        }
    })
    .boxed()
}

fn status_of(endpoint: &Endpoint) -> EndpointStatus {
    match (endpoint.is_enabled(), endpoint.is_deleted()) {
        (true, _) => EndpointStatus::Enabled,
        (_, true) => EndpointStatus::Deleted,
        _ => EndpointStatus::Disabled,
    }
}

impl Follower {
    async fn run(self) {
        let partition = self.partition;
        let (mut from, mut caught_up, mut is_failing) = (Offset(0), false, false);
        loop {
            let Err(why) = self.follow(&mut from, &mut caught_up, &mut is_failing).await;
            // One line for an outage: every partition has a reader.
            if !std::mem::replace(&mut is_failing, true) {
                warn!(%partition, %why, "failed to read the webhook endpoints; retrying");
            }
            sleep(RETRY).await;
        }
    }

    async fn follow(
        &self,
        from: &mut Offset,
        caught_up: &mut bool,
        is_failing: &mut bool,
    ) -> Result<Infallible, PortError> {
        let bounds = self.bus.bounds(Topic::Endpoints, self.partition).await?;
        *from = bounds.start.max(*from);
        let mut tail = self.bus.tail(Topic::Endpoints, self.partition, *from).await?;
        loop {
            if *from >= bounds.end && !std::mem::replace(caught_up, true) {
                let _ = self.found.send(Found::CaughtUp);
            }
            let batch = tail.next(READ).await?;
            (*from, *is_failing) = (batch.next, false);
            batch.records.iter().for_each(|record| self.fold(record));
        }
    }

    fn fold(&self, record: &LogRecord) {
        match wire::decode_signed_endpoint_fact(&record.payload, self.partition, self.log_keys.as_ref()) {
            Ok(mut fact) => {
                if let Some(opener) = &self.opener {
                    opener(&mut fact);
                }
                if let Ok(endpoint) = self.registry.fold(&fact, self.partition) {
                    let _ = self.found.send(Found::Changed(endpoint));
                }
            }
            Err(why) => {
                let (partition, offset) = (self.partition, record.offset);
                warn!(%partition, %offset, %why, "an invalid fact about a webhook endpoint was skipped");
            }
        }
    }
}
