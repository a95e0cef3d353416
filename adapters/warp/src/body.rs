//! Reading a request's body: bounded in size and in time.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap};
use hyper::http::StatusCode;

use crate::config::Config;
use crate::failure::Failure;
use crate::header;

/// How much of a body that is too long is read and thrown away, so that a client that writes all of it before it reads
/// gets to see the reply instead of a broken connection.
const DISCARDED_BYTES_MAX: u64 = 1024 * 1024;

/// The body, which is JSON or empty.
pub(crate) async fn read<B, D>(headers: &HeaderMap, body: B, config: &Config) -> Result<Bytes, Failure>
where
    B: Stream<Item = Result<D, warp::Error>> + Send,
    D: Buf,
{
    let limit = Duration::from_millis(config.body_timeout_ms);
    let read = collect(headers, body, config.body_bytes_max);
    let body = tokio::time::timeout(limit, read).await.unwrap_or_else(|_| Err(too_slow()))?;
    if !body.is_empty() {
        check_type(headers)?;
    }
    Ok(body)
}

async fn collect<B, D>(headers: &HeaderMap, body: B, bytes_max: usize) -> Result<Bytes, Failure>
where
    B: Stream<Item = Result<D, warp::Error>> + Send,
    D: Buf,
{
    let mut body = pin!(body);
    let announced = header::text(headers, &CONTENT_LENGTH)?.and_then(|length| length.parse::<u64>().ok());
    let discardable = (bytes_max as u64).saturating_add(DISCARDED_BYTES_MAX);
    // A client that asks first sends nothing until it is told to.
    if announced.is_some_and(|length| {
        length > discardable || (length > bytes_max as u64 && headers.contains_key(EXPECT))
    }) {
        return Err(too_long(bytes_max));
    }
    let Some(first) = body.next().await else { return Ok(Bytes::new()) };
    let mut first = first.map_err(|_| broken_off())?;
    let first = first.copy_to_bytes(first.remaining());
    let mut total = first.len() as u64;
    let mut whole: Option<BytesMut> = None;
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.map_err(|_| broken_off())?;
        total = total.saturating_add(chunk.remaining() as u64);
        if total > discardable {
            return Err(too_long(bytes_max));
        }
        if total <= bytes_max as u64 {
            let whole = whole.get_or_insert_with(|| BytesMut::from(&first[..]));
            whole.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
        }
    }
    if total > bytes_max as u64 {
        return Err(too_long(bytes_max));
    }
    Ok(whole.map_or(first, BytesMut::freeze))
}

fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let unsupported = |error: &'static str, name: &'static str| {
        Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", error).field(name))
    };
    if header::text(headers, &CONTENT_ENCODING)?.is_some_and(|encoding| encoding != "identity") {
        return unsupported("A body must be sent as it is, without a Content-Encoding", "Content-Encoding");
    }
    let content_type = header::text(headers, &CONTENT_TYPE)?.unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    unsupported("A body must have the content type application/json", "Content-Type")
}

fn too_long(bytes_max: usize) -> Failure {
    let error = format!("The body is longer than {bytes_max} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", error)
}

fn too_slow() -> Failure {
    Failure::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The body did not arrive in time")
}

fn broken_off() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "invalid_body", "The body broke off or is not well-formed HTTP")
}
