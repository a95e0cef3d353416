//! `/metrics`: the metrics of the process, for a scraper.

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use logistics_core::observe::Exposition;
use logistics_service::{Principal, ServiceError};
use warp::reply::Response;

use crate::output::failure::Failure;

/// The metrics, for operators and for callers that see every order.
pub(crate) fn metrics(caller: &Principal, exposition: &dyn Exposition) -> Result<Response, Failure> {
    if !caller.sees_every_order() {
        return Err(ServiceError::Forbidden.into());
    }
    Ok(exposed(exposition))
}

/// The metrics, on a listener that identifies no callers.
pub(crate) fn exposed(exposition: &dyn Exposition) -> Response {
    let mut response = Response::new(Bytes::from(exposition.text()).into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(exposition.content_type()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
