//! Replies, written from bytes.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue, LOCATION};
use hyper::http::StatusCode;
use logistics_core::{OrderId, RequestId, Version};
use serde::Deserialize;
use warp::reply::Response;

/// A reply with a JSON body.
pub(crate) fn json(status: StatusCode, body: Bytes) -> Response {
    typed(status, HeaderValue::from_static("application/json"), body)
}

/// A reply with a body of that content type.
pub(crate) fn typed(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// 200 with an order's document, its version as the entity tag.
pub(crate) fn document(document: Bytes) -> Response {
    let version = version_of(&document);
    let mut response = json(StatusCode::OK, document);
    if let Some(version) = version {
        response.headers_mut().insert(ETAG, etag(version));
    }
    response
}

/// 202: the request stands in the log, and nobody knows yet what comes of it.
pub(crate) fn accepted(order_id: &OrderId, request_id: &RequestId) -> Response {
    // A request id may hold what JSON escapes; one that was made here does not, and neither does an order id.
    let body = format!(r#"{{"message":"Accepted","order_id":"{order_id}","request_id":"{request_id}"}}"#);
    let mut response = json(StatusCode::ACCEPTED, Bytes::from(body));
    // Both ids were made here or are of an order id's characters, which are those of a path.
    if let Ok(location) = HeaderValue::try_from(format!("/orders/{order_id}/requests/{request_id}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The entity tag of a version.
pub(crate) fn etag(version: Version) -> HeaderValue {
    // Digits in quotes are a header value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"0\""))
}

/// The version that a document holds.
pub(crate) fn version_of(document: &[u8]) -> Option<Version> {
    leading_version(document).or_else(|| {
        #[derive(Deserialize)]
        struct Versioned {
            version: Version,
        }
        serde_json::from_slice::<Versioned>(document).ok().map(|document| document.version)
    })
}

/// The version of a document that is laid out as the core writes it: third, so that nothing behind it has to be read.
fn leading_version(document: &[u8]) -> Option<Version> {
    let rest = document.strip_prefix(br#"{"order_id":""#)?;
    // Neither an id nor a status holds a quotation mark.
    let rest = behind_quote(rest)?.strip_prefix(br#","status":""#)?;
    let rest = behind_quote(rest)?.strip_prefix(br#","version":"#)?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok().map(Version)
}

fn behind_quote(text: &[u8]) -> Option<&[u8]> {
    text.iter().position(|byte| *byte == b'"').map(|at| &text[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use logistics_core::Status;
    use logistics_core::testkit::sample;

    #[test]
    fn the_version_of_a_document_of_the_core_is_read_without_parsing_it() {
        let document = sample::document(&sample::order_id(7), Status::Delivered);
        assert_eq!(leading_version(&document), Some(Version(5)));
        assert_eq!(version_of(&document), Some(Version(5)));
    }

    #[test]
    fn a_document_that_is_laid_out_differently_is_parsed() {
        let document = br#"{ "version": 12, "order_id": "a" }"#;
        assert_eq!(leading_version(document), None);
        assert_eq!(version_of(document), Some(Version(12)));
        assert_eq!(version_of(b"no JSON"), None);
    }
}
