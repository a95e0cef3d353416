//! `POST /orders/{id}/assignment`.

use hyper::header::HeaderMap;
use logistics_core::lifecycle::ACTORS;
use logistics_core::{Actor, OrderId, PartyId};
use logistics_service::{Assign, Principal, Transitioned};
use warp::reply::Response;

use crate::context::Context;
use crate::input::fields::Fields;
use crate::input::header;
use crate::output::failure::Failure;
use crate::output::reply;

/// The fields of an assignment.
pub(crate) const ASSIGNMENT_FIELDS: &[&str] = &["courier_id", "actor", "reason"];

pub(crate) async fn assign(
    context: &Context,
    caller: &Principal,
    order_id: OrderId,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Failure> {
    let fields = Fields::parse(body, ASSIGNMENT_FIELDS)?;
    // Null clears the courier, so an incomplete body must not.
    if !fields.has("courier_id") {
        return Err(Failure::invalid("courier_id", "is missing; must be the id of a courier, or null"));
    }
    let mut command = Assign::new(order_id, fields.value::<PartyId>("courier_id")?);
    if let Some(actor) = fields.named("actor", &ACTORS.map(Actor::name), Actor::from_name)? {
        // The service checks it too. This check comes first, so that a reserved actor is reported before an invalid header.
        command.actor = Some(caller.act_as(actor)?);
    }
    command.idempotency_key = header::idempotency_key(headers)?;
    command.expected_version = header::if_match(headers)?;
    command.reason = fields.value("reason")?;
    command.trace = header::trace(headers);
    command.wait = header::wait(headers);
    Ok(match context.service.assign(caller, command).await? {
        Transitioned::Done(document) => reply::document(document),
        Transitioned::Pending { order_id, request_id } => {
            reply::accepted(&context.config.base_path, &order_id, &request_id)
        }
    })
}
