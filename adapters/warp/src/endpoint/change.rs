//! What requests for a change of an order have in common: who requests it, under which conditions, and the reply.

use std::time::Duration;

use hyper::header::HeaderMap;
use logistics_core::lifecycle::ACTORS;
use logistics_core::{Actor, Reason, Version};
use logistics_service::{IdempotencyKey, Principal, Transitioned};
use warp::reply::Response;

use crate::context::Context;
use crate::input::fields::Fields;
use crate::input::header;
use crate::output::failure::Failure;
use crate::output::reply;

/// The common part of a request for a change.
pub(crate) struct Conditions {
    pub(crate) actor: Option<Actor>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) expected_version: Option<Version>,
    pub(crate) reason: Option<Reason>,
    pub(crate) wait: Option<Duration>,
}

impl Conditions {
    pub(crate) fn of(caller: &Principal, headers: &HeaderMap, fields: &Fields<'_>) -> Result<Self, Failure> {
        let actor = fields.named("actor", &ACTORS.map(Actor::name), Actor::from_name)?;
        // The service checks it too. This check comes first, so that a reserved actor is reported before an invalid header.
        let actor = actor.map(|actor| caller.act_as(actor)).transpose()?;
        Ok(Self {
            actor,
            idempotency_key: header::idempotency_key(headers)?,
            expected_version: header::if_match(headers)?,
            reason: fields.value("reason")?,
            wait: header::wait(headers),
        })
    }
}

/// The reply to a change that was not rejected.
pub(crate) fn reply(context: &Context, changed: Transitioned) -> Response {
    match changed {
        Transitioned::Done(document) => reply::document(document),
        Transitioned::Pending { order_id, request_id } => {
            reply::accepted(&context.config.base_path, &order_id, &request_id)
        }
    }
}
