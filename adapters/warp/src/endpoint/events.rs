//! `GET /orders/{id}/events`: the facts of an order.

use bytes::BytesMut;
use hyper::header::{ETAG, HeaderMap};
use hyper::http::StatusCode;
use logistics_core::OrderId;
use logistics_service::History;
use logistics_service::Principal;
use warp::reply::Response;

use crate::context::Context;
use crate::endpoint::order::not_modified;
use crate::output::failure::Failure;
use crate::output::reply;

pub(crate) async fn history(
    context: &Context,
    caller: &Principal,
    order_id: &OrderId,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let history = context.service.history(caller, order_id).await?;
    if let Some(response) = not_modified(history.version, headers) {
        return Ok(response);
    }
    let body = context.service.budget().hold(written(&history).freeze())?;
    let mut response = reply::json(StatusCode::OK, body);
    response.headers_mut().insert(ETAG, reply::etag(history.version));
    Ok(response)
}

/// The facts are copied unchanged. Order ids and statuses contain no character that JSON escapes.
fn written(history: &History) -> BytesMut {
    let History { order_id, status, version, events, .. } = history;
    let head = format!(r#"{{"order_id":"{order_id}","status":"{status}","version":{version},"events":"#);
    let mut body = BytesMut::with_capacity(head.len() + events.len() + 1);
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(events);
    body.extend_from_slice(b"}");
    body
}
