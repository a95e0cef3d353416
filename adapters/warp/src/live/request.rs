//! `GET /orders/{id}/events` with `Accept: text/event-stream`, and `GET /events`: the live facts of an order, and of all.

use std::net::IpAddr;

use bytes::Bytes;
use hyper::header::{ACCEPT, HeaderMap, HeaderName};
use hyper::http::{Method, StatusCode};
use logistics_core::observe::StreamKind;
use logistics_core::{OrderId, Version};
use logistics_service::{AllQuery, InvalidPosition, LimitedCaller, Principal};
use warp::reply::Response;

use crate::caller::TOKEN;
use crate::context::Context;
use crate::input::{header, query};
use crate::live::source::Source;
use crate::live::{body, frame};
use crate::output::failure::Failure;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const LAST_EVENT_ID_PARAMETER: &str = "last_event_id";

/// The request asks for a stream. A reply to HEAD has no body, so it is none.
pub(crate) fn is_wanted(context: &Context, method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::GET && context.service.feed().is_some() && accepts_events(headers)
}

pub(crate) async fn order(
    context: &Context,
    (caller, address): (&Principal, Option<IpAddr>),
    order_id: &OrderId,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let [parameter, _] = query::parse(query, [LAST_EVENT_ID_PARAMETER, TOKEN])?;
    let after = last_event_id(headers, parameter.as_deref())?;
    let after = after.map(|(field, id)| version(field, id)).transpose()?;
    let permit = context.service.admit_stream(limited(caller, address), StreamKind::Order)?;
    let stream = context.service.follow_order(caller, order_id, after).await?;
    if stream.is_complete() {
        return Ok(no_content());
    }
    Ok(body::reply(context, caller, permit, Source::of_order(stream)))
}

/// The facts of every order that the caller sees.
pub(crate) async fn all(
    context: &Context,
    (caller, address): (&Principal, Option<IpAddr>),
    text: &str,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let ([parameter], statuses) = query::parse_repeated(text, [LAST_EVENT_ID_PARAMETER], "status")?;
    let mut wanted = AllQuery::default();
    for status in &statuses {
        wanted.statuses.insert(query::status(status)?);
    }
    if let Some((field, id)) = last_event_id(headers, parameter.as_deref())? {
        wanted.from = Some(id.parse().map_err(|error: InvalidPosition| Failure::invalid(field, error))?);
    }
    let permit = context.service.admit_stream(limited(caller, address), StreamKind::All)?;
    let stream = context.service.follow_all(caller, wanted).await?;
    Ok(body::reply(context, caller, permit, Source::All(stream)))
}

/// The id of the last event that the client has, and the field that contains it. A browser that reconnects sends the header, to the
/// same URL.
fn last_event_id<'a>(
    headers: &'a HeaderMap,
    parameter: Option<&'a str>,
) -> Result<Option<(&'static str, &'a str)>, Failure> {
    let id = header::text(headers, &LAST_EVENT_ID)?.filter(|id| !id.is_empty());
    let parameter = parameter.map(|id| (LAST_EVENT_ID_PARAMETER, id));
    Ok(id.map(|id| ("Last-Event-ID", id)).or(parameter))
}

/// Whose streams are counted together.
pub(crate) fn limited(caller: &Principal, address: Option<IpAddr>) -> LimitedCaller<'_> {
    match caller.authenticated() {
        Some(subject) => LimitedCaller::Subject(subject.as_str()),
        None => address.map_or(LimitedCaller::Unknown, LimitedCaller::Address),
    }
}

/// 204 makes a browser stop reconnecting.
fn no_content() -> Response {
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn version(field: &'static str, id: &str) -> Result<Version, Failure> {
    let digits = Some(id).filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    let version = digits.and_then(|digits| digits.parse().ok()).map(Version);
    version.ok_or_else(|| Failure::invalid(field, "must be the id of an event of this stream: a version"))
}

/// `Accept` names the type of event streams. A wildcard is any client's.
fn accepts_events(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_events = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(frame::CONTENT_TYPE));
        is_events && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_type_itself_asks_for_a_stream() {
        let accepts = |values: &[&'static str]| {
            accepts_events(&values.iter().map(|value| (ACCEPT, value.parse().unwrap())).collect())
        };
        assert!(accepts(&["text/event-stream"]) && accepts(&["Text/Event-Stream; charset=utf-8"]));
        assert!(
            accepts(&["application/json, text/event-stream;q=0.5"]) && accepts(&["a/b", "text/event-stream"])
        );
        for other in [&[][..], &["*/*"], &["text/*"], &["application/json"], &["text/event-stream;q=0"]] {
            assert!(!accepts(other), "{other:?}");
        }
    }

    #[test]
    fn a_version_is_digits_only() {
        assert_eq!(version("f", "12").unwrap(), Version(12));
        for wrong in ["", "-1", "+1", "1.0", "a", "99999999999999999999"] {
            assert!(version("f", wrong).is_err(), "{wrong}");
        }
    }
}
