//! `POST /orders/{id}/cancel` and `POST /orders/{id}/transitions`.

use hyper::header::HeaderMap;
use logistics_core::lifecycle::{ACTORS, STATUSES};
use logistics_core::{Actor, Command, OrderId, Request, RequestId, Status, Verdict, wire};
use warp::reply::Response;

use crate::context::Context;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::{header, lookup, outcome, reply};

/// The fields of a cancellation.
pub(crate) const CANCEL_FIELDS: &[&str] = &["actor", "reason"];
/// The fields of a transition.
pub(crate) const TRANSITION_FIELDS: &[&str] = &["to", "actor", "reason"];

pub(crate) async fn cancel(
    context: &Context,
    order_id: OrderId,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, CANCEL_FIELDS)?;
    ask(context, order_id, Command::Cancel, headers, &fields).await
}

pub(crate) async fn transition(
    context: &Context,
    order_id: OrderId,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, TRANSITION_FIELDS)?;
    let to = fields.named("to", &STATUSES.map(Status::name), Status::from_name)?;
    let to = to.ok_or_else(|| {
        Failure::invalid("to", format!("is missing; it is one of {}", STATUSES.map(Status::name).join(", ")))
    })?;
    ask(context, order_id, Command::Transition { to }, headers, &fields).await
}

async fn ask(
    context: &Context,
    order_id: OrderId,
    command: Command,
    headers: &HeaderMap,
    fields: &Fields<'_>,
) -> Result<Response, Failure> {
    let actor = fields.named("actor", &ACTORS.map(Actor::name), Actor::from_name)?;
    if actor == Some(Actor::System) {
        return Err(Failure::reserved_actor());
    }
    let now = context.api.clock.now();
    let id = match header::idempotency_key(headers)? {
        Some(key) => RequestId::from_idempotency_key(header::ANONYMOUS, key, &order_id),
        None => RequestId::generate(now, rand::random()),
    };
    let request = Request {
        id,
        order_id,
        actor: actor.unwrap_or(Actor::Operator),
        command,
        expected_version: header::if_match(headers)?,
        reason: fields.value("reason")?,
        awaited: true,
        trace: header::trace(headers),
        at: now,
    };
    let payload = wire::encode_request(&request);
    context.port("append a request", context.api.bus.append(&request.order_id, payload)).await?;
    match outcome::wait(context, &request.order_id, &request.id, header::wait(headers, &context.config)).await
    {
        None => Ok(reply::accepted(&request.order_id, &request.id)),
        Some(Verdict::Rejected { rejection }) => Err(Failure::rejected(&rejection)),
        Some(_) => match lookup::find(context, &request.order_id).await {
            // It happened, and only its reply has no room: the client reads it later.
            Err(failure) if failure.is_overloaded() => Ok(reply::accepted(&request.order_id, &request.id)),
            found => found.map(reply::document),
        },
    }
}
