//! Effects as calls of ports.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_core::Partition;
use logistics_core::port::{
    CommitOutcome, Membership, OwnerStore, PartitionLog, PortError, PortErrorKind, WriteOutcome,
};
use logistics_core::processor::{Effect, Reply, Stamp};
use tokio::time::timeout;

use crate::failure::sentence;

/// A call that was made.
pub(crate) type Call = BoxFuture<'static, Finished>;

/// What came of a call.
pub(crate) struct Finished {
    pub(crate) stamp: Stamp,
    pub(crate) reply: Reply,
    /// In words, where it failed: the reply holds only the kind.
    pub(crate) failure: Option<String>,
}

/// The ports of one partition's worker.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) partition: Partition,
    pub(crate) membership: Arc<dyn Membership>,
    pub(crate) log: Arc<dyn PartitionLog>,
    pub(crate) store: Arc<dyn OwnerStore>,
    pub(crate) call_timeout: Duration,
}

impl Ports {
    /// Makes the call that the effect names. Its reply comes once, and, unless it is a read, within the time limit.
    pub(crate) fn begin(&self, stamp: Stamp, effect: Effect) -> Call {
        let Self { partition, call_timeout, .. } = *self;
        let (log, store) = (self.log.clone(), self.store.clone());
        let limit = Limit { stamp, call_timeout };
        match effect {
            Effect::Acquire => {
                let acquire = async move { log.acquire().await.map(|()| rand::random()) };
                limit.bound("taking the partition over", acquire, Reply::Acquired)
            }
            Effect::Recover => {
                let recover = async move { store.recover(partition).await };
                limit.bound("the store's recovery", recover, Reply::Recovered)
            }
            Effect::ReadEnd => limit.bound("the log's end", async move { log.extent().await }, Reply::End),
            Effect::Read { from, limit } => {
                async move { finish(stamp, log.read(from, limit).await, Reply::Read) }.boxed()
            }
            Effect::Load { ids } => {
                let load = async move { store.load(partition, &ids).await };
                limit.bound("the store's load", load, Reply::Loaded)
            }
            Effect::Commit(transaction) => {
                let commit = async move { log.commit(transaction).await };
                // Whoever gives up waiting for a commit does not know what became of it.
                limit.bound_or("the commit", commit, Reply::Committed, Ok(CommitOutcome::Unknown))
            }
            Effect::Write(write) => {
                let write = detached(call_timeout, async move { store.write(write).await });
                write.map(move |written| finish(stamp, written, Reply::Written)).boxed()
            }
            Effect::Clear { token } => {
                let clear = async move { store.clear(partition, token).await };
                limit.bound("the store's removal", clear, Reply::Cleared)
            }
            Effect::AskGroup => {
                let membership = self.membership.clone();
                limit.bound("the group", async move { membership.owns(partition).await }, Reply::Owned)
            }
        }
    }
}

/// Runs a store write in a task of its own: whoever stops waiting for it leaves it to finish by itself, within the time
/// limit. Cut off halfway, it would cost the adapter a connection.
fn detached(
    call_timeout: Duration,
    write: impl Future<Output = Result<WriteOutcome, PortError>> + Send + 'static,
) -> impl Future<Output = Result<WriteOutcome, PortError>> + Send {
    let task = tokio::spawn(timeout(call_timeout, write));
    async move {
        match task.await {
            Ok(Ok(written)) => written,
            Ok(Err(_)) => Err(expired("the store's write", call_timeout)),
            // The panic becomes the worker's, which halts its partition.
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(PortError::new(PortErrorKind::Closed, "the runtime shuts down")),
        }
    }
}

struct Limit {
    stamp: Stamp,
    call_timeout: Duration,
}

impl Limit {
    fn bound<T: Send + 'static>(
        self,
        what: &'static str,
        call: impl Future<Output = Result<T, PortError>> + Send + 'static,
        reply: fn(Result<T, PortErrorKind>) -> Reply,
    ) -> Call {
        self.bound_or(what, call, reply, Err(PortErrorKind::Unavailable))
    }

    fn bound_or<T: Send + 'static>(
        self,
        what: &'static str,
        call: impl Future<Output = Result<T, PortError>> + Send + 'static,
        reply: fn(Result<T, PortErrorKind>) -> Reply,
        otherwise: Result<T, PortErrorKind>,
    ) -> Call {
        let Self { stamp, call_timeout } = self;
        async move {
            match timeout(call_timeout, call).await {
                Ok(result) => finish(stamp, result, reply),
                Err(_) => {
                    let failure = Some(sentence(&expired(what, call_timeout)));
                    Finished { stamp, reply: reply(otherwise), failure }
                }
            }
        }
        .boxed()
    }
}

fn finish<T>(
    stamp: Stamp,
    result: Result<T, PortError>,
    reply: fn(Result<T, PortErrorKind>) -> Reply,
) -> Finished {
    let failure = result.as_ref().err().map(sentence);
    Finished { stamp, reply: reply(result.map_err(|error| error.kind())), failure }
}

fn expired(what: &str, limit: Duration) -> PortError {
    let text = format!("{what} did not come within {} ms", limit.as_millis());
    PortError::new(PortErrorKind::Unavailable, text)
}
