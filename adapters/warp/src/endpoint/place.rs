//! `POST /orders`.

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::StatusCode;
use logistics_core::limits::DETAILS_BYTES_MAX;
use logistics_core::{Details, InvalidDetails, OrderId, Placement, TraceParent};
use logistics_service::{Place, Placed, Principal};
use warp::reply::Response;

use crate::context::Context;
use crate::input::contacts::contacts;
use crate::input::fields::Fields;
use crate::input::header;
use crate::output::failure::Failure;
use crate::output::reply;

/// The fields of the body.
pub(crate) const FIELDS: &[&str] = &["customer_id", "merchant_id", "courier_id", "details", "contacts"];

pub(crate) async fn place(
    context: &Context,
    caller: &Principal,
    headers: &HeaderMap,
    trace: Option<TraceParent>,
    body: &[u8],
) -> Result<Response, Failure> {
    let key = header::idempotency_key(headers)?;
    let mut command = Place::new(placement(&Fields::parse(body, FIELDS)?)?);
    command.idempotency_key = key;
    (command.trace, command.wait) = (trace, header::wait(headers));
    Ok(match context.service.place(caller, command).await? {
        Placed::Created { order_id } => created(&order_id),
        Placed::Pending { order_id, request_id } => {
            reply::accepted(&context.config.base_path, &order_id, &request_id)
        }
    })
}

fn placement(fields: &Fields<'_>) -> Result<Placement, Failure> {
    let mut placement = Placement::new();
    placement.customer_id = fields.value("customer_id")?;
    placement.merchant_id = fields.value("merchant_id")?;
    placement.courier_id = fields.value("courier_id")?;
    placement.contacts = contacts(fields)?;
    placement.details = fields.raw("details").map(details).transpose()?;
    Ok(placement)
}

fn details(json: &str) -> Result<Details, Failure> {
    Details::parse(json).map_err(|error| match error {
        InvalidDetails::TooLong(_) => {
            let sentence = format!("details: must be at most {DETAILS_BYTES_MAX} bytes of JSON");
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence).field("details")
        }
        _ => Failure::invalid("details", error),
    })
}

fn created(order_id: &OrderId) -> Response {
    // An order id contains no character that JSON escapes.
    let body = [r#"{"message":"Order created","order_id":""#, order_id.as_str(), r#""}"#].concat();
    reply::json(StatusCode::OK, Bytes::from(body))
}
