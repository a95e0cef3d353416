//! `POST /orders/{id}/cancel` and `POST /orders/{id}/transitions`.

use hyper::header::HeaderMap;
use logistics_core::lifecycle::{ACTORS, STATUSES};
use logistics_core::{Actor, OrderId, Status};
use logistics_service::{Principal, Transition, Transitioned};
use warp::reply::Response;

use crate::context::Context;
use crate::input::fields::Fields;
use crate::input::header;
use crate::output::failure::Failure;
use crate::output::reply;

/// The fields of a cancellation.
pub(crate) const CANCEL_FIELDS: &[&str] = &["actor", "reason"];
/// The fields of a transition.
pub(crate) const TRANSITION_FIELDS: &[&str] = &["to", "actor", "reason"];

pub(crate) async fn cancel(
    context: &Context,
    caller: &Principal,
    order_id: OrderId,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, CANCEL_FIELDS)?;
    request(context, caller, Transition::cancel(order_id), headers, &fields).await
}

pub(crate) async fn transition(
    context: &Context,
    caller: &Principal,
    order_id: OrderId,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, TRANSITION_FIELDS)?;
    let to = fields.named("to", &STATUSES.map(Status::name), Status::from_name)?;
    let to = to.ok_or_else(|| {
        Failure::invalid(
            "to",
            format!("is missing; must be one of {}", STATUSES.map(Status::name).join(", ")),
        )
    })?;
    request(context, caller, Transition::to(order_id, to), headers, &fields).await
}

async fn request(
    context: &Context,
    caller: &Principal,
    mut command: Transition,
    headers: &HeaderMap,
    fields: &Fields<'_>,
) -> Result<Response, Failure> {
    if let Some(actor) = fields.named("actor", &ACTORS.map(Actor::name), Actor::from_name)? {
        // The service checks it too. This check comes first, so that a reserved actor is reported before an invalid header.
        command.actor = Some(caller.act_as(actor)?);
    }
    command.idempotency_key = header::idempotency_key(headers)?;
    command.expected_version = header::if_match(headers)?;
    command.reason = fields.value("reason")?;
    command.trace = header::trace(headers);
    command.wait = header::wait(headers);
    Ok(match context.service.transition(caller, command).await? {
        Transitioned::Done(document) => reply::document(document),
        Transitioned::Pending { order_id, request_id } => {
            reply::accepted(&context.config.base_path, &order_id, &request_id)
        }
    })
}
