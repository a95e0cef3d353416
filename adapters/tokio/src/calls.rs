//! Effects as calls of ports.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_core::Partition;
use logistics_core::port::{Membership, OwnerStore, PartitionLog, PortError, PortErrorKind, WriteOutcome};
use logistics_core::processor::{Effect, Reply, CallId};

use crate::failure::sentence;

/// A call that was made.
pub(crate) type Call = BoxFuture<'static, Finished>;

/// What came of a call.
pub(crate) struct Finished {
    pub(crate) stamp: CallId,
    pub(crate) reply: Reply,
    /// In words, where it failed: the reply holds only the kind.
    pub(crate) failure: Option<String>,
}

/// The ports of one partition's worker, each behind a limit in time. Reads wait by design and have none.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) partition: Partition,
    pub(crate) membership: Arc<dyn Membership>,
    pub(crate) log: Arc<dyn PartitionLog>,
    pub(crate) store: Arc<dyn OwnerStore>,
}

impl Ports {
    /// Makes the call that the effect names. Its reply comes once.
    pub(crate) fn begin(&self, stamp: CallId, effect: Effect) -> Call {
        let Self { partition, membership, log, store } = self.clone();
        match effect {
            Effect::Acquire => {
                let acquire = async move { log.acquire().await.map(|()| rand::random()) };
                finish(stamp, acquire, Reply::Acquired)
            }
            Effect::Recover => finish(stamp, async move { store.recover(partition).await }, Reply::Recovered),
            Effect::ReadEnd => finish(stamp, async move { log.extent().await }, Reply::End),
            Effect::Read { from, limit } => {
                finish(stamp, async move { log.read(from, limit).await }, Reply::Read)
            }
            Effect::Load { ids } => {
                finish(stamp, async move { store.load(partition, &ids).await }, Reply::Loaded)
            }
            Effect::Commit(transaction) => {
                finish(stamp, async move { log.commit(transaction).await }, Reply::Committed)
            }
            Effect::Write(write) => {
                finish(stamp, detached(async move { store.write(write).await }), Reply::Written)
            }
            Effect::Clear { token } => {
                finish(stamp, async move { store.clear(partition, token).await }, Reply::Cleared)
            }
            Effect::AskGroup => finish(stamp, async move { membership.owns(partition).await }, Reply::Owned),
        }
    }
}

/// Runs a store write in a task of its own, which finishes within its limit even if the worker is dropped. A write that is
/// cut off halfway would cost the adapter a connection.
fn detached(
    write: impl Future<Output = Result<WriteOutcome, PortError>> + Send + 'static,
) -> impl Future<Output = Result<WriteOutcome, PortError>> + Send {
    let task = tokio::spawn(write);
    async move {
        match task.await {
            Ok(written) => written,
            // The panic becomes the worker's, which halts its partition.
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(PortError::new(PortErrorKind::Closed, "the runtime shuts down")),
        }
    }
}

fn finish<T: Send + 'static>(
    stamp: CallId,
    call: impl Future<Output = Result<T, PortError>> + Send + 'static,
    reply: fn(Result<T, PortErrorKind>) -> Reply,
) -> Call {
    async move {
        let result = call.await;
        let failure = result.as_ref().err().map(sentence);
        Finished { stamp, reply: reply(result.map_err(|error| error.kind())), failure }
    }
    .boxed()
}
