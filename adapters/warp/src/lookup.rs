//! `GET /orders/{id}`, and finding an order for whoever else needs it.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ETAG, HeaderMap};
use hyper::http::StatusCode;
use logistics_core::port::{DocumentLookup, Topic};
use logistics_core::{Offset, OrderId, Partition, Timestamp, partition_of};
use tokio::time::Instant;
use warp::reply::Response;

use crate::context::Context;
use crate::failure::Failure;
use crate::{header, reply};

/// An order whose id is younger than this may stand in the log and not yet in the store.
const YOUNG_MS: u64 = 60_000;
/// The first pause between two looks; each is twice as long as the one before.
const PAUSE_MS_MIN: u64 = 20;
/// The longest pause between two looks.
const PAUSE_MS_MAX: u64 = 320;

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

/// The document of an order: waits briefly where it is not known yet whether there is one, and answers 404 only where it
/// is known that there is none.
pub(crate) async fn find(context: &Context, id: &OrderId) -> Result<Bytes, Failure> {
    let partition = partition_of(id, context.api.bus.partitions());
    // Where the log ended when the order was missed first: whatever was placed before lies below.
    let mut end = None;
    let mut until = None;
    let mut pause = None;
    loop {
        let before = context.progress.answered(partition);
        let rebuilding;
        match look(context, id, pause).await? {
            DocumentLookup::Found(document) => {
                let version = reply::version_of(&document);
                if version.is_none_or(|version| context.seen.advance(id, version)) {
                    return context.budget.hold(document);
                }
                rebuilding = true;
                context.progress.went_back(partition);
            }
            DocumentLookup::Missing => {
                rebuilding = true;
                context.progress.went_back(partition);
            }
            DocumentLookup::Absent { answered } => {
                let end = match end {
                    Some(end) => end,
                    None => *end.insert(end_of_log(context, partition).await?),
                };
                rebuilding = !context.progress.advance(partition, answered, before, end);
                if !rebuilding && answered >= end && !is_young(id, context.api.clock.now()) {
                    return Err(Failure::order_not_found());
                }
            }
            DocumentLookup::Unknown => rebuilding = !context.progress.unknown(partition, before),
        }
        let now = Instant::now();
        let until = *until.get_or_insert_with(|| now + Duration::from_millis(context.config.lookup_wait_ms));
        if now >= until || context.closing.is_cancelled() {
            return Err(if rebuilding { Failure::rebuilding() } else { Failure::not_ready() });
        }
        let longer = pause.map_or(PAUSE_MS_MIN, |pause: Pause| (pause.ms * 2).min(PAUSE_MS_MAX));
        pause = Some(Pause { ms: longer, until });
    }
}

/// A pause before a look.
#[derive(Debug, Clone, Copy)]
struct Pause {
    ms: u64,
    /// It ends by then.
    until: Instant,
}

/// Asks the store, together with all others that ask for the same order at the moment.
async fn look(context: &Context, id: &OrderId, pause: Option<Pause>) -> Result<DocumentLookup, Failure> {
    let question = context.port("look for an order", context.api.store.document(id));
    let Some(Pause { ms, until }) = pause else { return context.looks.ask(id, async {}, question).await };
    let pause = async {
        let over = until.min(Instant::now() + Duration::from_millis(ms));
        tokio::select! {
            () = tokio::time::sleep_until(over) => {}
            () = context.closing.cancelled() => {}
        }
    };
    context.later_looks.ask(id, pause, question).await
}

pub(crate) async fn end_of_log(context: &Context, partition: Partition) -> Result<Offset, Failure> {
    let bounds = context.api.bus.bounds(Topic::Orders, partition);
    let question = async { Ok(context.port("find the log's end", bounds).await?.end) };
    context.ends.ask(&partition, async {}, question).await
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
