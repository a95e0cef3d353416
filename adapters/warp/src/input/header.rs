//! Request headers.

use std::time::Duration;

use hyper::header::{AsHeaderName, HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use logistics_core::TraceContext;
use logistics_core::Version;
use logistics_service::IdempotencyKey;

use crate::output::failure::Failure;

pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Maximum bytes of a `tracestate` that is kept: what W3C Trace Context asks of a receiver.
const TRACESTATE_BYTES_MAX: usize = 512;

/// The value of a header that may occur once and consists of visible ASCII characters.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Failure::invalid(name.as_str().to_owned(), "must occur once"));
    }
    let invalid = |_| Failure::invalid(name.as_str().to_owned(), "must consist of visible ASCII characters");
    value.to_str().map(Some).map_err(invalid)
}

/// The `Idempotency-Key`.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Failure> {
    let key = text(headers, &IDEMPOTENCY_KEY)?.map(IdempotencyKey::parse).transpose();
    key.map_err(|error| Failure::invalid("Idempotency-Key", error))
}

/// The version in `If-Match`; `None`: any.
///
/// A weak tag counts as a strong one: proxies weaken the tags of replies that they compress, and a version identifies one state.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<Version>, Failure> {
    let Some(tag) = text(headers, &IF_MATCH)?.map(str::trim) else { return Ok(None) };
    if tag == "*" {
        return Ok(None);
    }
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let version = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let version = version.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    version.and_then(|digits| digits.parse().ok()).map(|version| Some(Version(version))).ok_or_else(|| {
        let failure =
            Failure::invalid("If-Match", "must be the ETag of an order: one version in quotation marks");
        failure.hint("For example: If-Match: \"3\"")
    })
}

/// Whether `If-None-Match` contains this version, so that the client has it already.
pub(crate) fn none_match(headers: &HeaderMap, version: Version) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let digits = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        tag == "*" || digits.is_some_and(|digits| digits.parse() == Ok(version.0))
    })
}

/// The wait that the client prefers: `Prefer: wait=N` (RFC 7240), in seconds. A malformed preference is ignored, as the RFC
/// requires.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let lists = all(headers, PREFER);
    let preferences = lists.flat_map(|list| list.split(',')).map(|one| one.split(';').next().unwrap_or(one));
    let mut waits = preferences.filter_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("wait").then(|| value.parse::<u64>().ok())?
    });
    waits.next().map(Duration::from_secs)
}

/// The client's span. A malformed header is ignored, and so are several, as W3C Trace Context requires of a receiver.
pub(crate) fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    text(headers, &TRACEPARENT).ok()?.and_then(TraceContext::parse)
}

/// The client's `tracestate`, unread. Several headers are one list. Empty: there is none, or it is too long.
pub(crate) fn trace_state(headers: &HeaderMap) -> String {
    let list = all(headers, TRACESTATE).collect::<Vec<_>>().join(",");
    if list.len() > TRACESTATE_BYTES_MAX { String::new() } else { list }
}

fn all(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let name = HeaderName::from_static(name);
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn if_match_takes_one_version_weak_or_strong() {
        let version = |value| if_match(&headers("if-match", &[value]));
        assert_eq!(version("\"3\"").unwrap(), Some(Version(3)));
        assert_eq!(version("W/\"3\"").unwrap(), Some(Version(3)));
        assert_eq!(version("*").unwrap(), None);
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        for wrong in ["3", "\"\"", "\"+3\"", "\"a\"", "\"1\", \"2\"", "\"99999999999999999999\"", "\""] {
            assert!(version(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn if_none_match_takes_lists() {
        let matches = |values| none_match(&headers("if-none-match", values), Version(3));
        assert!(
            matches(&["\"3\""])
                && matches(&["\"1\", W/\"3\""])
                && matches(&["\"1\"", "\"3\""])
                && matches(&["*"])
        );
        assert!(!matches(&["\"30\""]) && !matches(&["3"]) && !matches(&[]));
    }

    #[test]
    fn wait_is_read_among_other_preferences() {
        let wait = |values| wait(&headers("prefer", values)).map(|wait| wait.as_secs());
        assert_eq!(wait(&["wait=2"]), Some(2));
        assert_eq!(wait(&["respond-async, WAIT = \"3\"; x=1"]), Some(3));
        assert_eq!(wait(&["handling=lenient", "wait=0"]), Some(0));
        assert_eq!(wait(&["wait=100000000000000000"]), Some(100_000_000_000_000_000));
        assert_eq!((wait(&["wait=soon"]), wait(&[])), (None, None));
    }
}
