//! `GET /log/{topic}/{partition}`: a page of records of the log.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::StatusCode;
use logistics_core::port::{LogRecord, Topic};
use logistics_core::{Offset, Partition, Timestamp};
use logistics_service::{LogQuery, LogStart, Principal, ServiceError};
use serde::Serialize;
use serde_json::value::RawValue;
use warp::reply::Response;

use crate::context::Context;
use crate::input::{header, query};
use crate::output::failure::Failure;
use crate::output::reply;

/// The value of `from` for the position behind the last record.
pub(crate) const END: &str = "end";

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

/// A record. Base64 encodes a key that is not UTF-8, and a value that is not JSON. Everything else stays readable.
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
    caller: &Principal,
    topic: &str,
    partition: &str,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    // The service checks it too. This check comes first, because the errors below name topics and partitions.
    if !caller.is_operator() {
        return Err(ServiceError::Forbidden.into());
    }
    let partitions = context.service.partitions();
    let topic = topic_named(topic)?;
    let partition = partition_numbered(partition, partitions)?;
    let mut query = parse(query, LogQuery::new(topic, partition))?;
    query.wait = header::wait(headers).unwrap_or_default();
    let page = context.service.log_page(caller, query).await?;
    let page = Page {
        topic: topic.name(),
        partition,
        partitions,
        start: page.bounds.start,
        end: page.bounds.end,
        next: page.next,
        records: page.records.iter().map(entry).collect(),
    };
    // Texts, numbers and valid JSON always serialize.
    let body = Bytes::from(serde_json::to_vec(&page).unwrap_or_default());
    Ok(reply::json(StatusCode::OK, context.service.budget().hold(body)?))
}

fn topic_named(name: &str) -> Result<Topic, Failure> {
    let unknown = || {
        let error = format!("There is no such topic; there are {}", Topic::SHOWN.map(Topic::name).join(", "));
        Failure::new(StatusCode::NOT_FOUND, "unknown_topic", error).field("topic")
    };
    Topic::SHOWN.into_iter().find(|topic| topic.name() == name).ok_or_else(unknown)
}

/// Any text but the number of a partition is an unknown partition.
fn partition_numbered(text: &str, partitions: u32) -> Result<Partition, Failure> {
    let number = text.parse().ok().filter(|number| *number < partitions);
    number.map(Partition).ok_or_else(|| ServiceError::UnknownPartition { partitions }.into())
}

fn parse(text: &str, mut query: LogQuery) -> Result<LogQuery, Failure> {
    let [from, limit] = query::parse(text, ["from", "limit"])?;
    if let Some(from) = from {
        query.from = from_of(&from)?;
    }
    if let Some(limit) = limit {
        query.limit = query::count(&limit);
    }
    Ok(query)
}

fn from_of(text: &str) -> Result<LogStart, Failure> {
    if text == END {
        return Ok(LogStart::End);
    }
    let wrong = |_| Failure::invalid("from", format!("must be an offset or {END}"));
    text.parse().map(|offset| LogStart::Offset(Offset(offset))).map_err(wrong)
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
    fn a_key_that_is_no_text_and_a_value_that_is_no_json_are_in_base64() {
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
