//! Outcomes of requests: reading one, and waiting for one.

use std::time::Duration;

use logistics_core::port::DocumentLookup;
use logistics_core::{HistoryEntry, Offset, OrderId, RequestId, RequestOutcome, partition_of};
use serde::Deserialize;

use crate::error::ServiceError;
use crate::history::unreadable;
use crate::principal::Principal;
use crate::service::OrderService;

/// Milliseconds to wait for the outcome in the store where the caller names no time.
const OUTCOME_WAIT_MS: u64 = 100;
/// Milliseconds before the store is read again after it failed.
const RETRY_MS: u64 = 50;
/// Milliseconds before the store is read again where its outcome is that of an earlier request.
const ANSWER_POLL_MS: u64 = 10;

/// The part of a document that is read.
#[derive(Deserialize)]
struct Outline {
    history: Vec<HistoryEntry>,
}

impl OrderService {
    /// The outcome of a request. The order's history holds what a request caused for ever; the store holds any other outcome
    /// for minutes. Waits for one that is not there for `wait` at most, or for 100 ms.
    ///
    /// # Errors
    /// [`ServiceError::OutcomeUnknown`] where there is none within the wait; `Unavailable`; `Overloaded`.
    pub async fn outcome(
        &self,
        _principal: &Principal,
        order_id: &OrderId,
        request_id: &RequestId,
        wait: Option<Duration>,
    ) -> Result<RequestOutcome, ServiceError> {
        if let Some(verdict) = self.caused(order_id, request_id).await? {
            return Ok(verdict);
        }
        let wait = self.capped(wait.unwrap_or(Duration::from_millis(OUTCOME_WAIT_MS)));
        self.decision(order_id, request_id, None, wait).await.ok_or(ServiceError::OutcomeUnknown)
    }

    async fn caused(
        &self,
        order_id: &OrderId,
        request_id: &RequestId,
    ) -> Result<Option<RequestOutcome>, ServiceError> {
        let document = self.shared.store.document(order_id);
        let looked_up = self.shared.port("look for an order", document).await?;
        let DocumentLookup::Found(document) = looked_up else { return Ok(None) };
        let document = self.shared.budget.hold(document)?;
        let outline: Outline =
            serde_json::from_slice(&document).map_err(|error| unreadable(order_id, &error))?;
        let entry = outline.history.into_iter().find(|entry| entry.request.as_ref() == Some(request_id));
        Ok(entry.map(|HistoryEntry { version, status, .. }| RequestOutcome::Happened { version, status }))
    }

    /// The outcome of a request that is in the log; `None` where there is none within `wait` or before the shutdown.
    ///
    /// The store keeps the outcome for minutes, so reading it after the append misses nothing. After a failure the store is
    /// read again: the request is in the log, so it will be decided whatever happens here.
    ///
    /// Requests with the same idempotency key have the same id, so the store may hold the outcome of an earlier one. With
    /// `appended`, an outcome counts only once the store has answered the input at that offset.
    pub(crate) async fn decision(
        &self,
        order_id: &OrderId,
        request_id: &RequestId,
        appended: Option<Offset>,
        wait: Duration,
    ) -> Option<RequestOutcome> {
        let partition = partition_of(order_id, self.partitions());
        let decided = async {
            let mut is_current = appended.is_none();
            loop {
                match self.shared.store.outcome(order_id, request_id).await {
                    Ok(verdict) if is_current => return verdict,
                    Ok(_) => {
                        is_current = self.shared.answered(partition).await.ok() > appended;
                        if !is_current {
                            tokio::time::sleep(Duration::from_millis(ANSWER_POLL_MS)).await;
                        }
                    }
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
            () = self.shutdown.cancelled() => None,
            () = tokio::time::sleep(wait) => None,
        }
    }
}
