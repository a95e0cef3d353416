//! `GET /orders`: a page of the list.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use futures::future::join_all;
use hyper::http::StatusCode;
use logistics_core::lifecycle::STATUSES;
use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_core::port::{Cursor, ListQuery, Page};
use logistics_core::{Offset, Partition, Status};
use warp::reply::Response;

use crate::budget::Reservation;
use crate::context::Context;
use crate::failure::Failure;
use crate::lookup::end_of_log;
use crate::{query, reply};

/// Orders on a page where the client does not say.
pub(crate) const PAGE_ORDERS: usize = 50;
/// A page ends early once its documents have so many bytes: a page is made in memory.
pub(crate) const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Milliseconds that a list waits for to know whether it lacks orders.
const CATCHING_UP_MS_MAX: u64 = 500;
/// Orders that the store is asked for at once: documents that follow small ones may be large.
const PORTION_ORDERS_MAX: usize = 128;

pub(crate) async fn list(context: &Context, query: &str) -> Result<Response, Failure> {
    let query = parse(query)?;
    let (page, reservation) = read(context, query).await?;
    let incomplete = may_lack_orders(context).await;
    Ok(reply::json(StatusCode::OK, reservation.hold(written(&page, incomplete))))
}

/// Whether a partition is being rebuilt, or was behind the log when this process started and is so still.
async fn may_lack_orders(context: &Context) -> bool {
    let behind = context.progress.behind();
    let looks = join_all(behind.into_iter().map(|partition| has_caught_up(context, partition)));
    // Where it takes too long to be known, it is not known.
    let caught_up = match tokio::time::timeout(Duration::from_millis(CATCHING_UP_MS_MAX), looks).await {
        Ok(caught_up) => caught_up.into_iter().all(|caught_up| caught_up.unwrap_or(false)),
        Err(_) => false,
    };
    !caught_up || context.progress.is_rebuilding()
}

async fn has_caught_up(context: &Context, partition: Partition) -> Result<bool, Failure> {
    let question = async {
        let end = match context.progress.first_end(partition) {
            Some(end) => end,
            None => end_of_log(context, partition).await?,
        };
        let checkpoint = context.api.store.checkpoint(partition);
        let checkpoint = context.port("read how far the store is", checkpoint).await?;
        let answered = checkpoint.map_or(Offset(0), |checkpoint| checkpoint.answered);
        Ok(context.progress.catch_up(partition, end, answered))
    };
    context.catching_up.ask(&partition, async {}, question).await
}

/// As many orders as were asked for, or as fit on a page: at least one. The store is asked for a few at a time, because it
/// knows no bound on bytes.
async fn read(context: &Context, mut query: ListQuery) -> Result<(Page, Reservation), Failure> {
    let mut reservation = context.budget.reserve(0)?;
    let (mut documents, mut bytes, mut left) = (Vec::new(), 0, query.limit);
    let mut portion = portion(PAGE_BYTES_MAX, context.document_bytes.load(Ordering::Relaxed));
    loop {
        query.limit = portion.min(left);
        let expected = query.limit * context.document_bytes.load(Ordering::Relaxed);
        let mut room = context.budget.reserve(expected)?;
        let page = context.port("list orders", context.api.store.list(&query)).await?;
        let lengths = page.documents.iter().map(|document| document.len() + 1);
        let longest = lengths.clone().max().unwrap_or_default();
        context.document_bytes.fetch_max(longest, Ordering::Relaxed);
        let fitting = fitting(lengths, if documents.is_empty() { None } else { Some(bytes) });
        if fitting == 0 {
            // Also where the store has none left.
            let next = if page.documents.is_empty() { page.next } else { query.after };
            return Ok((Page { documents, next }, reservation));
        }
        if fitting < page.documents.len() {
            // Only the store knows where the next page begins: it is asked again, for those that fit.
            left = fitting;
            continue;
        }
        let came: usize = page.documents.iter().map(|document| document.len() + 1).sum();
        room.shrink(came);
        reservation.add(room);
        bytes += came;
        left -= fitting.min(left);
        documents.extend(page.documents);
        if page.next.is_none() || left == 0 || bytes >= PAGE_BYTES_MAX {
            return Ok((Page { documents, next: page.next }, reservation));
        }
        query.after = page.next;
        portion = self::portion(PAGE_BYTES_MAX - bytes, longest);
    }
}

/// How many orders to ask the store for, by the room that is left and the longest document that was seen.
fn portion(room_bytes: usize, longest: usize) -> usize {
    (room_bytes / longest.max(1)).clamp(1, PORTION_ORDERS_MAX)
}

/// How many of these still fit on a page that has so many bytes; the first of a page always does.
fn fitting(lengths: impl Iterator<Item = usize>, bytes: Option<usize>) -> usize {
    let fits = |total: &mut usize, length: usize| {
        let first = bytes.is_none() && *total == 0;
        *total += length;
        (first || *total <= PAGE_BYTES_MAX).then_some(())
    };
    lengths.scan(bytes.unwrap_or_default(), fits).count()
}

fn parse(text: &str) -> Result<ListQuery, Failure> {
    let [status, late, cursor, limit] = query::parse(text, ["status", "late", "cursor", "limit"])?;
    let status = status.as_deref().map(status_named).transpose()?;
    let late = late.as_deref().map_or(Ok(false), flag)?;
    let after = cursor.as_deref().map(cursor_of).transpose()?;
    let other_list = |after: &Cursor| status.is_some_and(|status| status != after.status);
    if after.as_ref().is_some_and(other_list) {
        return Err(Failure::invalid("cursor", "it belongs to the list of another status"));
    }
    let limit = limit.as_deref().map_or(Ok(PAGE_ORDERS), limit_of)?;
    Ok(ListQuery { status, late, after, limit })
}

fn status_named(name: &str) -> Result<Status, Failure> {
    let unknown =
        || Failure::invalid("status", format!("must be one of {}", STATUSES.map(Status::name).join(", ")));
    Status::from_name(name).ok_or_else(unknown)
}

fn flag(text: &str) -> Result<bool, Failure> {
    text.parse().map_err(|_| Failure::invalid("late", "must be true or false"))
}

fn limit_of(text: &str) -> Result<usize, Failure> {
    let limit = text.parse().ok().filter(|limit| (1..=PAGE_ORDERS_MAX).contains(limit));
    limit.ok_or_else(|| Failure::invalid("limit", format!("must be a number from 1 to {PAGE_ORDERS_MAX}")))
}

/// What a cursor says is nobody's business but the server's, so that it may change.
fn cursor_text(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(cursor.to_string())
}

fn cursor_of(text: &str) -> Result<Cursor, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok());
    cursor.ok_or_else(|| Failure::invalid("cursor", "must be the next_cursor of an earlier page"))
}

/// `incomplete`: a partition is being rebuilt, so the list may lack some of its orders.
fn written(page: &Page, incomplete: bool) -> Bytes {
    let bytes: usize = page.documents.iter().map(|document| document.len() + 1).sum();
    let mut body = BytesMut::with_capacity(bytes + 160);
    body.extend_from_slice(if incomplete { br#"{"incomplete":true,"orders":["# } else { br#"{"orders":["# });
    for (at, document) in page.documents.iter().enumerate() {
        if at > 0 {
            body.extend_from_slice(b",");
        }
        body.extend_from_slice(document);
    }
    match &page.next {
        // Base64 holds nothing that JSON escapes.
        Some(next) => {
            body.extend_from_slice(format!(r#"],"next_cursor":"{}"}}"#, cursor_text(next)).as_bytes())
        }
        None => body.extend_from_slice(br#"],"next_cursor":null}"#),
    }
    body.freeze()
}
