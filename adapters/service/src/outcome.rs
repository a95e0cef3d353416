//! Outcomes of requests: reading one, and waiting for one.

use std::time::Duration;

use bytes::Bytes;
use logistics_core::port::DocumentLookup;
use logistics_core::{HistoryEntry, Offset, OrderId, Rejection, RequestId, RequestOutcome, partition_of};
use serde::Deserialize;

use crate::error::ServiceError;
use crate::history::unreadable;
use crate::principal::Principal;
use crate::service::OrderService;

/// Wait for the outcome in the store if the caller has none, in milliseconds.
const OUTCOME_WAIT_MS: u64 = 100;
/// Pause before a retry of a failed read of the store, in milliseconds.
const RETRY_MS: u64 = 50;
/// Pause before the next read of the store if its outcome belongs to an earlier request, in milliseconds.
const ANSWER_POLL_MS: u64 = 10;

/// The parsed part of a document.
#[derive(Deserialize)]
struct Outline {
    history: Vec<HistoryEntry>,
}

impl OrderService {
    /// The outcome of a request about an order that the principal sees, or that does not exist. A fact stays in the order's history
    /// for ever; the store keeps any other outcome for minutes. Waits for a missing outcome for up to `wait`, or 100 ms.
    ///
    /// # Errors
    /// [`ServiceError::OutcomeUnknown`] if there is none within the wait; `Unavailable`; `Overloaded`.
    pub async fn outcome(
        &self,
        principal: &Principal,
        order_id: &OrderId,
        request_id: &RequestId,
        wait: Option<Duration>,
    ) -> Result<RequestOutcome, ServiceError> {
        let wait = self.capped(wait.unwrap_or(Duration::from_millis(OUTCOME_WAIT_MS)));
        let document = self.look_up_once(order_id).await?;
        if let Some(document) = &document {
            if !principal.sees_document(order_id, document)? {
                return self.foreign_outcome(order_id, request_id, wait).await;
            }
            if let Some(outcome) = fact_of(order_id, request_id, document)? {
                return Ok(outcome);
            }
        }
        let outcome = self.decision(order_id, request_id, None, wait).await;
        // The order may have been placed meanwhile, by another party.
        if document.is_none()
            && outcome.is_some()
            && let Some(document) = self.look_up_once(order_id).await?
            && !principal.sees_document(order_id, &document)?
        {
            return Err(ServiceError::OutcomeUnknown);
        }
        outcome.ok_or(ServiceError::OutcomeUnknown)
    }

    /// The outcome of a request about a foreign order. The caller's own request was rejected, as one about an unknown order is.
    /// The outcome of any other request is unknown.
    async fn foreign_outcome(
        &self,
        order_id: &OrderId,
        request_id: &RequestId,
        wait: Duration,
    ) -> Result<RequestOutcome, ServiceError> {
        match self.decision(order_id, request_id, None, wait).await {
            Some(outcome @ RequestOutcome::Rejected { rejection: Rejection::NotFound }) => Ok(outcome),
            _ => Err(ServiceError::OutcomeUnknown),
        }
    }

    async fn look_up_once(&self, order_id: &OrderId) -> Result<Option<Bytes>, ServiceError> {
        let document = self.shared.store.document(order_id);
        match self.shared.port("look up an order", document).await? {
            DocumentLookup::Found(document) => self.shared.budget.hold(document).map(Some),
            _ => Ok(None),
        }
    }

    /// The outcome of a request that is in the log; `None` if there is none within `wait` or before the shutdown.
    ///
    /// The store keeps the outcome for minutes, so a read after the append misses none. A failed read is retried, because the
    /// request is in the log and a processor will decide it.
    ///
    /// Requests with one idempotency key have one id, so the store may have the outcome of an earlier one. With `appended`, an
    /// outcome counts only when the store has answered the input at that offset.
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
                    Ok(outcome) if is_current => return outcome,
                    Ok(_) => {
                        is_current = self.shared.answered(partition).await.ok() > appended;
                        if !is_current {
                            tokio::time::sleep(Duration::from_millis(ANSWER_POLL_MS)).await;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, %order_id, "could not read an outcome; retrying");
                        tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            outcome = decided => Some(outcome),
            () = self.shutdown.cancelled() => None,
            () = tokio::time::sleep(wait) => None,
        }
    }
}

/// The outcome in the order's history, if the request caused a fact.
fn fact_of(
    order_id: &OrderId,
    request_id: &RequestId,
    document: &[u8],
) -> Result<Option<RequestOutcome>, ServiceError> {
    let outline: Outline =
        serde_json::from_slice(document).map_err(|error| unreadable(Some(order_id), &error))?;
    let entry = outline.history.into_iter().find(|entry| entry.request.as_ref() == Some(request_id));
    Ok(entry.map(|HistoryEntry { version, status, .. }| RequestOutcome::Happened { version, status }))
}
