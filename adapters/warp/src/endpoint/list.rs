//! `GET /orders`: a page of the list.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use hyper::http::StatusCode;
use logistics_core::port::{Cursor, ListQuery, PartyFilter, PartyRole};
use logistics_core::{PartyId, Timestamp};
use logistics_service::{OrderPage, PAGE_ORDERS, Principal};
use warp::reply::Response;

use crate::context::Context;
use crate::input::query;
use crate::output::failure::Failure;
use crate::output::reply;

pub(crate) async fn list(context: &Context, caller: &Principal, query: &str) -> Result<Response, Failure> {
    let page = context.service.list(caller, parse(query)?).await?;
    let body = written(&page);
    Ok(reply::json(StatusCode::OK, page.reservation.hold(body)))
}

fn parse(text: &str) -> Result<ListQuery, Failure> {
    let [status, late, customer, merchant, courier, since, cursor, limit] = query::parse(
        text,
        ["status", "late", "customer_id", "merchant_id", "courier_id", "since", "cursor", "limit"],
    )?;
    let status = status.as_deref().map(query::status).transpose()?;
    let late = late.as_deref().map_or(Ok(false), flag)?;
    let party = one_party([
        (PartyRole::Customer, customer.as_deref()),
        (PartyRole::Merchant, merchant.as_deref()),
        (PartyRole::Courier, courier.as_deref()),
    ])?;
    let since = since.as_deref().map(time).transpose()?;
    let after = cursor.as_deref().map(cursor_of).transpose()?;
    let limit = limit.as_deref().map_or(PAGE_ORDERS, query::count);
    Ok(ListQuery { status, late, party, since, after, limit })
}

fn flag(text: &str) -> Result<bool, Failure> {
    text.parse().map_err(|_| Failure::invalid("late", "must be true or false"))
}

/// A list is of one party.
fn one_party(parties: [(PartyRole, Option<&str>); 3]) -> Result<Option<PartyFilter>, Failure> {
    let mut found = None;
    for (role, text) in parties {
        let (name, Some(text)) = (role.field(), text) else { continue };
        let id = PartyId::parse(text).map_err(|error| Failure::invalid(name, error.to_string()))?;
        if found.replace(PartyFilter { role, id }).is_some() {
            let problem = "a list is of one party: customer_id, merchant_id or courier_id";
            return Err(Failure::invalid(name, problem));
        }
    }
    Ok(found)
}

fn time(text: &str) -> Result<Timestamp, Failure> {
    let problem = "must be a time with its offset, for example 2026-01-31T18:00:00Z; + is written %2B";
    text.parse().map_err(|_| Failure::invalid("since", problem))
}

/// Opaque to clients, so that its content may change.
fn cursor_text(cursor: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(cursor.to_string())
}

fn cursor_of(text: &str) -> Result<Cursor, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok());
    cursor.ok_or_else(|| Failure::invalid("cursor", "must be the next_cursor of an earlier page"))
}

fn written(page: &OrderPage) -> Bytes {
    let bytes: usize = page.documents.iter().map(|document| document.len() + 1).sum();
    let mut body = BytesMut::with_capacity(bytes + 160);
    body.extend_from_slice(if page.incomplete {
        br#"{"incomplete":true,"orders":["#
    } else {
        br#"{"orders":["#
    });
    for (at, document) in page.documents.iter().enumerate() {
        if at > 0 {
            body.extend_from_slice(b",");
        }
        body.extend_from_slice(document);
    }
    match &page.next {
        // Base64 contains no character that JSON escapes.
        Some(next) => {
            body.extend_from_slice(format!(r#"],"next_cursor":"{}"}}"#, cursor_text(next)).as_bytes())
        }
        None => body.extend_from_slice(br#"],"next_cursor":null}"#),
    }
    body.freeze()
}
