//! `GET /log/{topic}/{partition}`: a page of the log, as it stands there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::StatusCode;
use logistics_core::port::{Batch, Bounds, LogRecord, ReadLimit, Tail, Topic};
use logistics_core::{Offset, Partition, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;
use warp::reply::Response;

use crate::context::Context;
use crate::failure::Failure;
use crate::readers::Position;
use crate::{header, query, reply};

/// Records on a page where the client does not say.
pub(crate) const PAGE_RECORDS: usize = 100;
/// Records on a page at most.
pub(crate) const PAGE_RECORDS_MAX: usize = 1000;
/// What `from` is called to begin behind the last record.
pub(crate) const END: &str = "end";
/// A page ends early once its records have so many bytes: a page is made in memory.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Offset(Offset),
    End,
}

#[derive(Serialize)]
struct Page<'a> {
    topic: &'static str,
    partition: Partition,
    partitions: u32,
    start: Offset,
    end: Offset,
    next: Offset,
    records: Vec<Entry<'a>>,
}

/// A record. Only what is no text or no JSON stands in base64, so that people can read the rest.
#[derive(Serialize)]
struct Entry<'a> {
    offset: Offset,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

pub(crate) async fn log(
    context: &Context,
    topic: &str,
    partition: &str,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let partitions = context.api.bus.partitions();
    let topic = topic_named(topic)?;
    let partition = partition_numbered(partition, partitions)?;
    let (from, limit) = parse(query)?;
    let _reading = context.readers.enter()?;
    let bounds = context.port("find the bounds of the log", context.api.bus.bounds(topic, partition)).await?;
    let from = begin(from, bounds)?;
    let position = |next| Position { topic, partition, next };
    let mut tail = match context.readers.take(position(from)) {
        Some(tail) => tail,
        None => context.port("read the log", context.api.bus.tail(topic, partition, from)).await?,
    };
    let until = Instant::now() + header::asked_wait(headers, &context.config).unwrap_or_default();
    let Batch { records, next } = read(context, tail.as_mut(), from, limit, bounds.end, until).await?;
    context.readers.keep(position(next), tail);
    let page = Page {
        topic: topic.name(),
        partition,
        partitions,
        start: bounds.start,
        end: bounds.end.max(next),
        next,
        records: records.iter().map(entry).collect(),
    };
    // Texts, numbers and JSON that was checked: nothing fails to serialize.
    let body = Bytes::from(serde_json::to_vec(&page).unwrap_or_default());
    Ok(reply::json(StatusCode::OK, context.budget.hold(body)?))
}

fn topic_named(name: &str) -> Result<Topic, Failure> {
    let unknown = || {
        let error = format!("There is no such topic; there are {}", Topic::ALL.map(Topic::name).join(", "));
        Failure::new(StatusCode::NOT_FOUND, "unknown_topic", error).field("topic")
    };
    Topic::ALL.into_iter().find(|topic| topic.name() == name).ok_or_else(unknown)
}

fn partition_numbered(text: &str, partitions: u32) -> Result<Partition, Failure> {
    let unknown = || {
        let error = format!("There is no such partition; there are {partitions}, from 0 on");
        Failure::new(StatusCode::NOT_FOUND, "unknown_partition", error).field("partition")
    };
    let number = text.parse().ok().filter(|number| *number < partitions);
    number.map(Partition).ok_or_else(unknown)
}

fn parse(text: &str) -> Result<(Place, ReadLimit), Failure> {
    let [from, limit] = query::parse(text, ["from", "limit"])?;
    let from = from.as_deref().map_or(Ok(Place::Offset(Offset(0))), from_of)?;
    let records = limit.as_deref().map_or(Ok(PAGE_RECORDS), limit_of)?;
    Ok((from, ReadLimit { records, bytes: PAGE_BYTES_MAX }))
}

fn from_of(text: &str) -> Result<Place, Failure> {
    if text == END {
        return Ok(Place::End);
    }
    let wrong = |_| Failure::invalid("from", format!("must be an offset or {END}"));
    text.parse().map(|offset| Place::Offset(Offset(offset))).map_err(wrong)
}

fn limit_of(text: &str) -> Result<usize, Failure> {
    let limit = text.parse().ok().filter(|limit| (1..=PAGE_RECORDS_MAX).contains(limit));
    limit.ok_or_else(|| Failure::invalid("limit", format!("must be a number from 1 to {PAGE_RECORDS_MAX}")))
}

/// Where to read. What stood before the log's start is gone and is not waited for; nobody was told of an offset behind its
/// end, so whoever asks for one has another log in mind.
fn begin(from: Place, bounds: Bounds) -> Result<Offset, Failure> {
    match from {
        Place::Offset(offset) if offset > bounds.end => {
            Err(Failure::invalid("from", format!("the log ends at offset {}", bounds.end)))
        }
        Place::Offset(offset) => Ok(offset.max(bounds.start)),
        Place::End => Ok(bounds.end),
    }
}

/// The next records, and what comes until then where there are none; without any, an empty batch.
async fn read(
    context: &Context,
    tail: &mut dyn Tail,
    from: Offset,
    limit: ReadLimit,
    end: Offset,
    until: Instant,
) -> Result<Batch, Failure> {
    let mut batch = Batch { records: Vec::new(), next: from };
    // Offsets may have gaps, so there may be none before the end either.
    while batch.records.is_empty() && batch.next < end {
        batch = context.port("read the log", tail.next(limit)).await?;
    }
    while batch.records.is_empty() {
        let come = tokio::select! {
            biased;
            come = tail.next(limit) => come,
            () = context.closing.cancelled() => break,
            () = tokio::time::sleep_until(until) => break,
        };
        batch = come.map_err(|error| Context::failed("read the log", &error))?;
    }
    Ok(batch)
}

fn entry(record: &LogRecord) -> Entry<'_> {
    let key = record.key.as_deref();
    let text = key.and_then(|key| std::str::from_utf8(key).ok());
    let value = serde_json::from_slice(&record.payload).ok();
    Entry {
        offset: record.offset,
        at: record.at,
        key: text,
        key_base64: key.filter(|_| text.is_none()).map(|key| STANDARD.encode(key)),
        value,
        value_base64: value.is_none().then(|| STANDARD.encode(&record.payload)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_begins_within_the_log() {
        let bounds = Bounds { start: Offset(3), end: Offset(7) };
        let begin = |from| begin(from, bounds).ok();
        assert_eq!(begin(Place::Offset(Offset(0))), Some(Offset(3)));
        assert_eq!(begin(Place::Offset(Offset(5))), Some(Offset(5)));
        assert_eq!(begin(Place::Offset(Offset(7))), Some(Offset(7)));
        assert_eq!(begin(Place::Offset(Offset(8))), None);
        assert_eq!(begin(Place::End), Some(Offset(7)));
    }

    #[test]
    fn what_is_no_text_or_no_json_stands_in_base64() {
        let written = |key: Option<&'static [u8]>, payload: &'static [u8]| {
            let (key, payload) = (key.map(Bytes::from_static), Bytes::from_static(payload));
            let record = LogRecord {
                offset: Offset(1),
                headers: Vec::new(),
                key,
                payload,
                at: Timestamp::from_millis(0),
            };
            serde_json::to_string(&entry(&record)).unwrap()
        };
        let head = r#"{"offset":1,"at":"1970-01-01T00:00:00.000Z","#;
        assert_eq!(
            written(Some(b"a"), b"{\"b\": 1.50}"),
            format!(r#"{head}"key":"a","value":{{"b": 1.50}}}}"#)
        );
        assert_eq!(
            written(Some(b"\xff"), b"{"),
            format!(r#"{head}"key_base64":"/w==","value_base64":"ew=="}}"#)
        );
        assert_eq!(written(None, b"null"), format!(r#"{head}"value":null}}"#));
    }
}
