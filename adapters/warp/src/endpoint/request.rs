//! `GET /orders/{id}/requests/{request_id}`: the outcome of a request.

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::StatusCode;
use logistics_core::{OrderId, RequestId, RequestOutcome};
use logistics_service::Principal;
use serde::Serialize;
use warp::reply::Response;

use crate::context::Context;
use crate::input::header;
use crate::output::failure::Failure;
use crate::output::reply;

#[derive(Serialize)]
struct Body<'a> {
    order_id: &'a OrderId,
    request_id: &'a RequestId,
    #[serde(flatten)]
    outcome: RequestOutcome,
}

pub(crate) async fn outcome(
    context: &Context,
    caller: &Principal,
    order_id: &OrderId,
    request_id: &RequestId,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let outcome = context.service.outcome(caller, order_id, request_id, header::wait(headers)).await?;
    let body = Body { order_id, request_id, outcome };
    // Texts and numbers always serialize.
    Ok(reply::json(StatusCode::OK, Bytes::from(serde_json::to_vec(&body).unwrap_or_default())))
}
