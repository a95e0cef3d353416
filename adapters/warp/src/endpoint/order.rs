//! `GET /orders/{id}`.

use bytes::Bytes;
use hyper::header::{ETAG, HeaderMap};
use hyper::http::StatusCode;
use logistics_core::{OrderId, Version};
use logistics_service::Principal;
use warp::reply::Response;

use crate::context::Context;
use crate::input::header;
use crate::output::failure::Failure;
use crate::output::reply;

pub(crate) async fn order(
    context: &Context,
    caller: &Principal,
    id: &OrderId,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let document = context.service.find(caller, id).await?;
    let unchanged = document.version.and_then(|version| not_modified(version, headers));
    Ok(unchanged.unwrap_or_else(|| reply::document(document)))
}

/// 304, if the client has this version already.
pub(crate) fn not_modified(version: Version, headers: &HeaderMap) -> Option<Response> {
    header::none_match(headers, version).then(|| {
        let mut response = Response::new(Bytes::new().into());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(ETAG, reply::etag(version));
        response
    })
}
