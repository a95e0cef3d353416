//! Waiting for what becomes of a request.

use std::time::Duration;

use logistics_core::{OrderId, RequestId, Verdict};

use crate::context::Context;

/// Milliseconds before the store is asked again after it failed.
const RETRY_MS: u64 = 50;

/// What became of a request that stands in the log; `None` when nobody knows within `budget` or before the server stops.
///
/// The outcome stands in the store for minutes, so asking after the append misses nothing. A store that fails is asked
/// again: the request is in the log, so whatever happens here, it will be decided.
pub(crate) async fn wait(
    context: &Context,
    order_id: &OrderId,
    request_id: &RequestId,
    budget: Duration,
) -> Option<Verdict> {
    let decided = async {
        loop {
            match context.api.store.outcome(order_id, request_id).await {
                Ok(verdict) => return verdict,
                Err(error) => {
                    tracing::warn!(%error, %order_id, "could not wait for an outcome");
                    tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        verdict = decided => Some(verdict),
        () = context.closing.cancelled() => None,
        () = tokio::time::sleep(budget) => None,
    }
}
