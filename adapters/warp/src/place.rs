//! `POST /orders`.

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::StatusCode;
use logistics_core::limits::DETAILS_BYTES_MAX;
use logistics_core::{
    Actor, Command, Details, InvalidDetails, OrderId, Placement, Request, RequestId, Verdict, wire,
};
use warp::reply::Response;

use crate::context::Context;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::{header, outcome, reply};

/// The fields of the body.
pub(crate) const FIELDS: &[&str] = &["customer_id", "merchant_id", "courier_id", "details"];

pub(crate) async fn place(context: &Context, headers: &HeaderMap, body: &[u8]) -> Result<Response, Failure> {
    let key = header::idempotency_key(headers)?;
    let placement = placement(&Fields::parse(body, FIELDS)?)?;
    let now = context.api.clock.now();
    let order_id = match key {
        Some(key) => OrderId::from_idempotency_key(header::ANONYMOUS, key),
        None => OrderId::generate(now, rand::random()),
    };
    let request = Request {
        id: RequestId::generate(now, rand::random()),
        order_id,
        actor: Actor::Customer,
        command: Command::Place(placement),
        expected_version: None,
        reason: None,
        // A new id cannot be refused, so once the log has it there is nothing to wait for. A key may have been used before.
        awaited: key.is_some(),
        trace: header::trace(headers),
        at: now,
    };
    let payload = wire::encode_request(&request);
    context.port("append a placement", context.api.bus.append(&request.order_id, payload)).await?;
    if !request.awaited {
        return Ok(created(&request.order_id));
    }
    match outcome::wait(context, &request.order_id, &request.id, header::wait(headers, &context.config)).await
    {
        None => Ok(reply::accepted(&request.order_id, &request.id)),
        Some(Verdict::Rejected { rejection }) => Err(Failure::rejected(&rejection)),
        Some(_) => Ok(created(&request.order_id)),
    }
}

fn placement(fields: &Fields<'_>) -> Result<Placement, Failure> {
    Ok(Placement {
        customer_id: fields.value("customer_id")?,
        merchant_id: fields.value("merchant_id")?,
        courier_id: fields.value("courier_id")?,
        details: fields.raw("details").map(details).transpose()?,
    })
}

fn details(json: &str) -> Result<Details, Failure> {
    Details::parse(json).map_err(|error| match error {
        InvalidDetails::TooLong(_) => {
            let sentence = format!("details: they are longer than {DETAILS_BYTES_MAX} bytes of JSON");
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence).field("details")
        }
        _ => Failure::invalid("details", error),
    })
}

fn created(order_id: &OrderId) -> Response {
    // An order id holds nothing that JSON escapes.
    let body = [r#"{"message":"Order created","order_id":""#, order_id.as_str(), r#""}"#].concat();
    reply::json(StatusCode::OK, Bytes::from(body))
}
