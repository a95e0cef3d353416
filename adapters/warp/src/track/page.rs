//! The page, and the page of an error.

use std::fmt::Write;

use bytes::Bytes;
use hyper::header::{CONTENT_LANGUAGE, HeaderMap, HeaderValue};
use hyper::http::StatusCode;
use logistics_core::{Order, OrderId};
use logistics_service::{Principal, ServiceError};
use warp::reply::Response;

use super::asset::version;
use super::html::Text;
use super::language;
use super::view::Page;
use super::words::Words;
use crate::context::Context;
use crate::output::failure::{ErrorCode, Failure};
use crate::output::reply;

/// The signs of the statuses.
pub(super) const SIGNS: &str = include_str!("assets/signs.svg");

/// The page of the order. `caller` holds the tracking link.
pub(crate) async fn page(
    context: &Context,
    caller: &Principal,
    id: &OrderId,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let document = context.service.find(caller, id).await?.json;
    // The service has read it, so it is an order.
    let order = Order::from_document(&document).map_err(|_| Failure::from(ServiceError::Unavailable))?;
    let words = words(query, headers);
    let shown = Page {
        words,
        order: &order,
        now: context.service.clock().now(),
        until: caller.link_expires_at(),
        query,
    };
    let order_json = String::from_utf8_lossy(&document);
    let body = shown.html(&order_json, &version(&context.config.track_style));
    Ok(html(StatusCode::OK, words, context.service.budget().hold(Bytes::from(body))?))
}

/// The page of an error. It is the same for every order and every token, known or not.
pub(crate) fn failed(context: &Context, failure: &Failure, query: &str, headers: &HeaderMap) -> Response {
    let words = words(query, headers);
    let (title, sentence) = match failure.status() {
        StatusCode::NOT_FOUND | StatusCode::GONE => words.gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => words.busy,
        _ => words.failed,
    };
    let mut body = head(words, title, &version(&context.config.track_style), false);
    let _ = write!(
        body,
        r##"<main class="card failed" data-tone="active"><div class="sign"><svg viewBox="0 0 24 24" aria-hidden="true"><use href="#link"/></svg></div><h1>{}</h1><p class="explain">{}</p></main></div>{SIGNS}</body></html>"##,
        Text(title),
        Text(sentence)
    );
    let mut response = html(failure.status(), words, Bytes::from(body));
    response.extensions_mut().insert(ErrorCode(failure.code()));
    failure.add_header(&mut response);
    response
}

fn html(status: StatusCode, words: &Words, body: Bytes) -> Response {
    let mut response = reply::typed(status, HeaderValue::from_static("text/html; charset=utf-8"), body);
    response.headers_mut().insert(CONTENT_LANGUAGE, HeaderValue::from_static(words.lang));
    response
}

fn words(query: &str, headers: &HeaderMap) -> &'static Words {
    let lang = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "lang");
    language::words(lang.as_ref().map(|(_, lang)| &**lang), headers)
}

/// Up to the start of the content.
pub(super) fn head(words: &Words, title: &str, version: &str, is_live: bool) -> String {
    let mut head = String::with_capacity(16 * 1024);
    let script = if is_live {
        format!(r#"<script src="assets/track.js?v={version}" defer></script>"#)
    } else {
        String::new()
    };
    let _ = write!(
        head,
        r#"<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{title} · {name}</title><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><meta name="robots" content="noindex"><meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><link rel="stylesheet" href="assets/track.css?v={version}">{script}</head><body><div class="page">"#,
        lang = words.lang,
        title = Text(title),
        name = Text(words.title),
    );
    head
}
