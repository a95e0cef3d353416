//! `GET /orders/{id}/events`: what happened to an order.

use bytes::Bytes;
use hyper::header::{ETAG, HeaderMap};
use hyper::http::StatusCode;
use logistics_core::{OrderId, Status, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use warp::reply::Response;

use crate::context::Context;
use crate::failure::Failure;
use crate::{lookup, reply};

/// The part of a document that is read; its history goes through as it is.
#[derive(Deserialize)]
struct Document<'a> {
    status: Status,
    version: Version,
    #[serde(borrow)]
    history: &'a RawValue,
}

#[derive(Serialize)]
struct History<'a> {
    order_id: &'a OrderId,
    status: Status,
    version: Version,
    events: &'a RawValue,
}

pub(crate) async fn history(
    context: &Context,
    order_id: &OrderId,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let document = lookup::find(context, order_id).await?;
    if let Some(response) = lookup::not_modified(&document, headers) {
        return Ok(response);
    }
    let unreadable = |error: serde_json::Error| {
        tracing::error!(%error, %order_id, "the store holds a document that cannot be read");
        Failure::unavailable()
    };
    let Document { status, version, history } = serde_json::from_slice(&document).map_err(unreadable)?;
    let body = History { order_id, status, version, events: history };
    let body = serde_json::to_vec(&body).map_err(unreadable)?;
    let mut response = reply::json(StatusCode::OK, context.budget.hold(Bytes::from(body))?);
    response.headers_mut().insert(ETAG, reply::etag(version));
    Ok(response)
}
