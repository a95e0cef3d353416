//! `POST /orders/{id}/assignment`.

use hyper::header::HeaderMap;
use logistics_core::{OrderId, PartyId, TraceParent};
use logistics_service::{Assign, Principal};
use warp::reply::Response;

use crate::context::Context;
use crate::endpoint::change::{self, Conditions};
use crate::input::fields::Fields;
use crate::output::failure::Failure;

/// The fields of an assignment.
pub(crate) const ASSIGNMENT_FIELDS: &[&str] = &["courier_id", "actor", "reason"];

pub(crate) async fn assign(
    context: &Context,
    caller: &Principal,
    order_id: OrderId,
    headers: &HeaderMap,
    trace: Option<TraceParent>,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, ASSIGNMENT_FIELDS)?;
    // Null clears the courier, so an incomplete body must not.
    if !fields.has("courier_id") {
        return Err(Failure::invalid("courier_id", "is missing; must be the id of a courier, or null"));
    }
    let mut command = Assign::new(order_id, fields.value::<PartyId>("courier_id")?);
    let conditions = Conditions::of(caller, headers, &fields)?;
    (command.actor, command.reason) = (conditions.actor, conditions.reason);
    command.idempotency_key = conditions.idempotency_key;
    command.expected_version = conditions.expected_version;
    (command.trace, command.wait) = (trace, conditions.wait);
    Ok(change::reply(context, context.service.assign(caller, command).await?))
}
