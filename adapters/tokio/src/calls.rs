//! Effects of the processor as calls of ports.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use logistics_core::Partition;
use logistics_core::port::{Membership, OwnerStore, PartitionLog, PortError, PortErrorKind, WriteOutcome};
use logistics_core::processor::{CallId, Effect, Reply};

use crate::error_text::error_text;

/// A call in progress.
pub(crate) type Call = BoxFuture<'static, CallResult>;

/// The result of a call.
pub(crate) struct CallResult {
    pub(crate) id: CallId,
    pub(crate) reply: Reply,
    /// The error in full, where the call failed. The reply holds only its kind.
    pub(crate) failure: Option<String>,
}

/// The ports of one partition, each with a time limit. Reads wait by design and have none.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) partition: Partition,
    pub(crate) membership: Arc<dyn Membership>,
    pub(crate) log: Arc<dyn PartitionLog>,
    pub(crate) store: Arc<dyn OwnerStore>,
}

impl Ports {
    /// Makes the call of an effect.
    pub(crate) fn begin(&self, id: CallId, effect: Effect) -> Call {
        let Self { partition, membership, log, store } = self.clone();
        match effect {
            Effect::Acquire => {
                let acquire = async move { log.acquire().await.map(|()| rand::random()) };
                finish(id, acquire, Reply::Acquired)
            }
            Effect::Recover => finish(id, async move { store.recover(partition).await }, Reply::Recovered),
            Effect::ReadEnd => finish(id, async move { log.extent().await }, Reply::End),
            Effect::Read { from, limit } => {
                finish(id, async move { log.read(from, limit).await }, Reply::Read)
            }
            Effect::Load { ids } => {
                finish(id, async move { store.load(partition, &ids).await }, Reply::Loaded)
            }
            Effect::Commit(transaction) => {
                finish(id, async move { log.commit(transaction).await }, Reply::Committed)
            }
            Effect::Write(write) => {
                finish(id, detached(async move { store.write(write).await }), Reply::Written)
            }
            Effect::Clear { token } => {
                finish(id, async move { store.clear(partition, token).await }, Reply::Cleared)
            }
            Effect::AskGroup => finish(id, async move { membership.owns(partition).await }, Reply::Owned),
        }
    }
}

/// Runs a store write in its own task, which finishes within its time limit even if the driver is dropped. A write that is
/// cancelled halfway would cost the adapter a connection.
fn detached(
    write: impl Future<Output = Result<WriteOutcome, PortError>> + Send + 'static,
) -> impl Future<Output = Result<WriteOutcome, PortError>> + Send {
    let task = tokio::spawn(write);
    async move {
        match task.await {
            Ok(written) => written,
            // The driver catches the panic and halts its partition.
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(PortError::new(PortErrorKind::Closed, "the runtime shuts down")),
        }
    }
}

fn finish<T: Send + 'static>(
    id: CallId,
    call: impl Future<Output = Result<T, PortError>> + Send + 'static,
    reply: fn(Result<T, PortErrorKind>) -> Reply,
) -> Call {
    async move {
        let result = call.await;
        let failure = result.as_ref().err().map(error_text);
        CallResult { id, reply: reply(result.map_err(|error| error.kind())), failure }
    }
    .boxed()
}
