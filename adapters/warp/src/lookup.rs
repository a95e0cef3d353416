//! `GET /orders/{id}`, and finding an order for whoever else needs it.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ETAG, HeaderMap};
use hyper::http::StatusCode;
use logistics_core::port::{DocumentLookup, Topic};
use logistics_core::{Offset, OrderId, Timestamp, partition_of};
use tokio::time::Instant;
use warp::reply::Response;

use crate::context::Context;
use crate::failure::Failure;
use crate::{header, reply};

/// An order whose id is younger than this may stand in the log and not yet in the store.
const YOUNG_MS: u64 = 60_000;
/// The first pause between two looks; each is twice as long as the one before.
const PAUSE_MS_MIN: u64 = 2;
/// The longest pause between two looks.
const PAUSE_MS_MAX: u64 = 50;

pub(crate) async fn order(context: &Context, id: &OrderId, headers: &HeaderMap) -> Result<Response, Failure> {
    let document = find(context, id).await?;
    Ok(not_modified(&document, headers).unwrap_or_else(|| reply::document(document)))
}

/// 304 where the client has this version of the document already.
pub(crate) fn not_modified(document: &[u8], headers: &HeaderMap) -> Option<Response> {
    if !headers.contains_key(hyper::header::IF_NONE_MATCH) {
        return None;
    }
    let version = reply::version_of(document)?;
    header::none_match(headers, version).then(|| {
        let mut response = Response::new(Bytes::new().into());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(ETAG, reply::etag(version));
        response
    })
}

/// The document of an order: waits briefly where nobody can tell yet whether there is one, and answers 404 only where it
/// is known that there is none.
pub(crate) async fn find(context: &Context, id: &OrderId) -> Result<Bytes, Failure> {
    // Where the log ended when the order was missed first: whatever was placed before lies below.
    let mut end = None;
    let mut rebuilding = false;
    let mut until = None;
    let mut pause = Duration::from_millis(PAUSE_MS_MIN);
    loop {
        match context.port("look for an order", context.api.store.document(id)).await? {
            DocumentLookup::Found(document) => {
                let version = reply::version_of(&document);
                if version.is_none_or(|version| context.seen.advance(id, version)) {
                    return context.budget.hold(document);
                }
                rebuilding = true;
            }
            DocumentLookup::Missing => rebuilding = true,
            DocumentLookup::Absent { answered } => {
                if end.is_none() {
                    end = Some(end_of_log(context, id).await?);
                }
                if end.is_some_and(|end| answered >= end) && !is_young(id, context.api.clock.now()) {
                    return Err(Failure::order_not_found());
                }
            }
            DocumentLookup::Unknown => {}
        }
        let now = Instant::now();
        let until = *until.get_or_insert_with(|| now + Duration::from_millis(context.config.lookup_wait_ms));
        if now >= until || context.closing.is_cancelled() {
            return Err(if rebuilding { Failure::rebuilding() } else { Failure::not_ready() });
        }
        tokio::time::sleep(pause.min(until - now)).await;
        pause = (pause * 2).min(Duration::from_millis(PAUSE_MS_MAX));
    }
}

async fn end_of_log(context: &Context, id: &OrderId) -> Result<Offset, Failure> {
    let bus = &context.api.bus;
    let partition = partition_of(id, bus.partitions());
    Ok(context.port("find the log's end", bus.bounds(Topic::Orders, partition)).await?.end)
}

/// The id was made a moment ago. One from far ahead was made up: clocks of servers do not differ by a minute.
fn is_young(id: &OrderId, now: Timestamp) -> bool {
    id.generated_at()
        .is_some_and(|made| now.millis_since(made) < YOUNG_MS && made.millis_since(now) < YOUNG_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_of_the_last_minute_is_young() {
        let now = Timestamp::from_millis(1_764_000_000_000);
        let made = |at: i64| OrderId::generate(Timestamp::from_millis(now.as_millis() + at), [1; 10]);
        assert!(is_young(&made(0), now) && is_young(&made(-59_999), now) && is_young(&made(1000), now));
        assert!(!is_young(&made(-60_000), now) && !is_young(&made(60_000), now));
        assert!(!is_young(&OrderId::parse("mine").unwrap(), now));
    }
}
