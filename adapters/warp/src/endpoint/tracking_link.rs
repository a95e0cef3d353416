//! `POST` and `DELETE /orders/{id}/tracking-link`.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::StatusCode;
use logistics_core::{OrderId, Timestamp, TraceParent};
use logistics_service::{Principal, RevokeTracking};
use serde::Serialize;
use warp::reply::Response;

use crate::context::Context;
use crate::endpoint::change::{self, Conditions};
use crate::input::fields::Fields;
use crate::output::failure::Failure;
use crate::output::reply;

/// The fields of a new link.
pub(crate) const LINK_FIELDS: &[&str] = &["ttl_s"];
/// The fields of a revocation.
const REVOCATION_FIELDS: &[&str] = &["actor"];

#[derive(Serialize)]
struct Created<'a> {
    url: &'a str,
    token: &'a str,
    link_id: String,
    expires_at: Timestamp,
}

pub(crate) async fn create(
    context: &Context,
    caller: &Principal,
    order_id: OrderId,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, LINK_FIELDS)?;
    let ttl = fields.value::<u64>("ttl_s")?.map(Duration::from_secs);
    let link = context.service.create_tracking_link(caller, &order_id, ttl).await?;
    // An order id and a token consist of letters, digits, `-` and `_`: neither needs escapes in a URL.
    let url = format!("{}/{}?token={}", context.tracking_base(), link.order_id, link.token);
    let (token, link_id, expires_at) = (&*link.token, link.link_id.to_string(), link.expires_at);
    let body = Created { url: &url, token, link_id, expires_at };
    // Texts and numbers always serialize.
    Ok(reply::json(StatusCode::CREATED, Bytes::from(serde_json::to_vec(&body).unwrap_or_default())))
}

pub(crate) async fn revoke(
    context: &Context,
    caller: &Principal,
    order_id: OrderId,
    headers: &HeaderMap,
    trace: Option<TraceParent>,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, REVOCATION_FIELDS)?;
    let conditions = Conditions::of(caller, headers, &fields)?;
    let mut command = RevokeTracking::new(order_id);
    command.actor = conditions.actor;
    command.idempotency_key = conditions.idempotency_key;
    command.expected_version = conditions.expected_version;
    (command.trace, command.wait) = (trace, conditions.wait);
    Ok(change::reply(context, context.service.revoke_tracking_links(caller, command).await?))
}
