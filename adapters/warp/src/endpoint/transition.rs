//! `POST /orders/{id}/cancel` and `POST /orders/{id}/transitions`.

use hyper::header::HeaderMap;
use logistics_core::lifecycle::STATUSES;
use logistics_core::{OrderId, Status, TraceParent};
use logistics_service::{Principal, Transition};
use warp::reply::Response;

use crate::context::Context;
use crate::endpoint::change::{self, Conditions};
use crate::input::fields::Fields;
use crate::output::failure::Failure;

/// The fields of a cancellation.
pub(crate) const CANCEL_FIELDS: &[&str] = &["actor", "reason"];
/// The fields of a transition.
pub(crate) const TRANSITION_FIELDS: &[&str] = &["to", "actor", "reason"];

pub(crate) async fn cancel(
    context: &Context,
    caller: &Principal,
    order_id: OrderId,
    headers: &HeaderMap,
    trace: Option<TraceParent>,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, CANCEL_FIELDS)?;
    request(context, caller, Transition::cancel(order_id), headers, trace, &fields).await
}

pub(crate) async fn transition(
    context: &Context,
    caller: &Principal,
    order_id: OrderId,
    headers: &HeaderMap,
    trace: Option<TraceParent>,
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
    request(context, caller, Transition::to(order_id, to), headers, trace, &fields).await
}

async fn request(
    context: &Context,
    caller: &Principal,
    mut command: Transition,
    headers: &HeaderMap,
    trace: Option<TraceParent>,
    fields: &Fields<'_>,
) -> Result<Response, Failure> {
    let conditions = Conditions::of(caller, headers, fields)?;
    (command.actor, command.reason) = (conditions.actor, conditions.reason);
    command.idempotency_key = conditions.idempotency_key;
    command.expected_version = conditions.expected_version;
    (command.trace, command.wait) = (trace, conditions.wait);
    Ok(change::reply(context, context.service.transition(caller, command).await?))
}
