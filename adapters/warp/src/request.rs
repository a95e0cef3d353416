//! `GET /orders/{id}/requests/{request_id}`: what became of a request.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::StatusCode;
use logistics_core::port::DocumentLookup;
use logistics_core::{HistoryEntry, OrderId, RequestId, Verdict};
use serde::{Deserialize, Serialize};
use warp::reply::Response;

use crate::context::Context;
use crate::failure::Failure;
use crate::{header, outcome, reply};

/// Milliseconds to wait for the outcome in the store where the client names no time.
const OUTCOME_WAIT_MS: u64 = 100;

/// The part of a document that is read.
#[derive(Deserialize)]
struct Document {
    history: Vec<HistoryEntry>,
}

#[derive(Serialize)]
struct Body<'a> {
    order_id: &'a OrderId,
    request_id: &'a RequestId,
    #[serde(flatten)]
    verdict: Verdict,
}

/// The history of the order knows for ever what a request caused; the store knows any other outcome for minutes.
pub(crate) async fn outcome(
    context: &Context,
    order_id: &OrderId,
    request_id: &RequestId,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let verdict = match caused(context, order_id, request_id).await? {
        Some(verdict) => Some(verdict),
        None => {
            let usual = Duration::from_millis(OUTCOME_WAIT_MS);
            let budget = header::asked_wait(headers, &context.config).unwrap_or(usual);
            outcome::wait(context, order_id, request_id, budget).await
        }
    };
    let verdict = verdict.ok_or_else(Failure::undecided)?;
    let body = Body { order_id, request_id, verdict };
    // Texts and numbers only: nothing fails to serialize.
    Ok(reply::json(StatusCode::OK, Bytes::from(serde_json::to_vec(&body).unwrap_or_default())))
}

async fn caused(
    context: &Context,
    order_id: &OrderId,
    request_id: &RequestId,
) -> Result<Option<Verdict>, Failure> {
    let looked_up = context.port("look for an order", context.api.store.document(order_id)).await?;
    let DocumentLookup::Found(document) = looked_up else { return Ok(None) };
    let document = context.budget.hold(document)?;
    let document: Document = serde_json::from_slice(&document).map_err(|error| {
        tracing::error!(%error, %order_id, "the store holds a document that cannot be read");
        Failure::unavailable()
    })?;
    let entry = document.history.into_iter().find(|entry| entry.request.as_ref() == Some(request_id));
    Ok(entry.map(|HistoryEntry { version, status, .. }| Verdict::Happened { version, status }))
}
