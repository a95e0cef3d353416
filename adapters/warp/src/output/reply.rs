//! Replies.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue, LOCATION};
use hyper::http::StatusCode;
use logistics_core::{OrderId, RequestId, Version};
use logistics_service::Document;
use warp::reply::Response;

/// A reply with a JSON body.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response {
    typed(status, HeaderValue::from_static("application/json"), body)
}

/// A reply with a body of this content type.
pub(crate) fn typed(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// 200 with an order's document; its version is the entity tag.
pub(crate) fn document(document: Document) -> Response {
    let mut response = json(StatusCode::OK, document.json);
    if let Some(version) = document.version {
        response.headers_mut().insert(ETAG, etag(version));
    }
    response
}

/// 202: the request is in the log and not decided yet. The API is mounted below `base_path`.
pub(crate) fn accepted(base_path: &str, order_id: &OrderId, request_id: &RequestId) -> Response {
    // The service made the request id, and an order id has a small alphabet: JSON escapes no character of either.
    let body = format!(r#"{{"message":"Accepted","order_id":"{order_id}","request_id":"{request_id}"}}"#);
    let mut response = json(StatusCode::ACCEPTED, Bytes::from(body));
    // For the same reason the path needs no escapes. A `base_path` that is no header value leaves out the header.
    if let Ok(location) =
        HeaderValue::try_from(format!("{base_path}/orders/{order_id}/requests/{request_id}"))
    {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The entity tag of a version.
pub(crate) fn etag(version: Version) -> HeaderValue {
    // Digits in quotation marks are a header value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}
