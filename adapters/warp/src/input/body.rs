//! Reads a request's body, within limits of size and time.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::{Stream, StreamExt};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap, TRANSFER_ENCODING};
use hyper::http::StatusCode;
use logistics_service::Reservation;

use crate::context::Context;
use crate::input::header;
use crate::output::failure::Failure;

/// Bytes that are read and discarded of a body that is too long. A client that writes the whole body before it reads then
/// receives the reply instead of a reset connection.
const DISCARDED_BYTES_MAX: u64 = 1024 * 1024;

/// Milliseconds for which the body of an overloaded request is read and discarded, for the same reason.
const DISCARD_MS_MAX: u64 = 100;

/// A body, and its share of the service's budget.
pub(crate) struct Body {
    bytes: Bytes,
    _reservation: Reservation,
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The body, which is JSON or empty.
pub(crate) async fn read<B, D, E>(context: &Context, headers: &HeaderMap, body: B) -> Result<Body, Failure>
where
    B: Stream<Item = Result<D, E>> + Send,
    D: Buf + Send,
    E: Send,
{
    let config = &context.config;
    let limit = Duration::from_millis(config.body_timeout_ms);
    let mut body = pin!(body.peekable());
    let expected = match announced(headers)? {
        _ if headers.contains_key(TRANSFER_ENCODING) => config.body_bytes_max,
        Some(length) => usize::try_from(length).unwrap_or(usize::MAX).min(config.body_bytes_max),
        // HTTP/1 has no body then. HTTP/2 may have one.
        None => match tokio::time::timeout(limit, body.as_mut().peek()).await {
            Ok(None) => 0,
            Ok(Some(_)) => config.body_bytes_max,
            Err(_) => return Err(too_slow()),
        },
    };
    // The reserved bytes are the announced length, or the limit where there is none. A body beyond the limit is never kept.
    let mut reservation = match context.service.budget().reserve(expected) {
        Ok(reservation) => reservation,
        Err(overloaded) => {
            discard(headers, body).await;
            return Err(overloaded.into());
        }
    };
    let read = collect(headers, body, config.body_bytes_max);
    let bytes = tokio::time::timeout(limit, read).await.unwrap_or_else(|_| Err(too_slow()))?;
    if !bytes.is_empty() {
        check_type(headers)?;
    }
    reservation.shrink(bytes.len());
    Ok(Body { bytes, _reservation: reservation })
}

fn announced(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    Ok(header::text(headers, &CONTENT_LENGTH)?.and_then(|length| length.parse().ok()))
}

async fn discard<B, D, E>(headers: &HeaderMap, body: B)
where
    B: Stream<Item = Result<D, E>> + Send,
    D: Buf + Send,
    E: Send,
{
    // A client that expects 100-continue sends nothing before it.
    if headers.contains_key(EXPECT) {
        return;
    }
    let mut body = pin!(body);
    let all = async {
        let mut left = DISCARDED_BYTES_MAX;
        while let Some(Ok(chunk)) = body.next().await
            && left > 0
        {
            left = left.saturating_sub(chunk.remaining() as u64);
        }
    };
    // The reply is the same whether the whole body arrived or not.
    let _ = tokio::time::timeout(Duration::from_millis(DISCARD_MS_MAX), all).await;
}

async fn collect<B, D, E>(headers: &HeaderMap, body: B, bytes_max: usize) -> Result<Bytes, Failure>
where
    B: Stream<Item = Result<D, E>> + Send,
    D: Buf + Send,
    E: Send,
{
    let mut body = pin!(body);
    let announced = announced(headers)?;
    let discardable = (bytes_max as u64).saturating_add(DISCARDED_BYTES_MAX);
    // A client that expects 100-continue sends nothing before it.
    if announced.is_some_and(|length| {
        length > discardable || (length > bytes_max as u64 && headers.contains_key(EXPECT))
    }) {
        return Err(too_long(bytes_max));
    }
    let Some(first) = body.next().await else { return Ok(Bytes::new()) };
    let mut first = first.map_err(|_| ended_early())?;
    let first = first.copy_to_bytes(first.remaining());
    let mut total = first.len() as u64;
    let mut whole: Option<BytesMut> = None;
    while let Some(chunk) = body.next().await {
        let mut chunk = chunk.map_err(|_| ended_early())?;
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
        return unsupported("A body must be sent without a Content-Encoding", "Content-Encoding");
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

fn ended_early() -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "invalid_body", "The body ended early or is not well-formed HTTP")
}
