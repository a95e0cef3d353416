//! Which sites' pages may use the API, and under which names it is served.
//!
//! A browser lets any page send requests to any address, and a page whose name was bound anew to a loopback address reads
//! the replies too. `Origin` and `Sec-Fetch-Site` show the first, `Host` the second. Other clients send neither of
//! the first two.

use std::net::IpAddr;

use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::http::{Method, StatusCode};
use warp::reply::Response;

use crate::config::Config;
use crate::failure::Failure;
use crate::handle::Call;
use crate::header;
use crate::route::Resource;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Seconds for which a browser may remember a preflight.
const PREFLIGHT_AGE_S: &str = "600";
const METHODS: &str = "GET, HEAD, POST";
const REQUEST_HEADERS: &str = "content-type, idempotency-key, if-match, if-none-match, prefer, traceparent";
const REPLY_HEADERS: &str = "etag, location, retry-after";

/// What may go on.
pub(crate) enum Admitted {
    /// A question of a browser, with its answer.
    Preflight(Response),
    /// A request; with the origin that was allowed, where its reply has to name it.
    Request(Option<HeaderValue>),
}

/// Refuses what comes from a page of another site or under a foreign name.
pub(crate) fn admit<B>(config: &Config, call: &Call<'_, B>) -> Result<Admitted, Failure> {
    let &Call { method, path, headers, .. } = call;
    let host = header::text(headers, &HOST)?.or(call.authority);
    if host.is_some_and(|host| !serves(config, host, path)) {
        return Err(Failure::foreign_host());
    }
    let Some(origin) = header::text(headers, &ORIGIN)? else {
        let site = header::text(headers, &SEC_FETCH_SITE)?;
        let foreign = site.is_some_and(|site| site == "cross-site" || site == "same-site");
        return if foreign && !navigates(method, headers)? {
            Err(Failure::foreign_site())
        } else {
            Ok(Admitted::Request(None))
        };
    };
    if is_own(origin, host) {
        return Ok(Admitted::Request(None));
    }
    if !config.cors_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return Err(Failure::foreign_site());
    }
    let origin = HeaderValue::from_str(origin).ok();
    if *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return Ok(Admitted::Preflight(preflight(origin)));
    }
    Ok(Admitted::Request(origin))
}

/// The reply, with what lets the page of an allowed origin read it.
pub(crate) fn allowed(mut response: Response, origin: Option<HeaderValue>) -> Response {
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(REPLY_HEADERS));
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    response
}

fn preflight(origin: Option<HeaderValue>) -> Response {
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_AGE_S));
    allowed(response, origin)
}

/// A link that a user follows: the page that holds the link cannot read what the browser then shows.
fn navigates(method: &Method, headers: &HeaderMap) -> Result<bool, Failure> {
    let is = |name: HeaderName, value| header::text(headers, &name).map(|found| found == Some(value));
    let reads = method == Method::GET || method == Method::HEAD;
    Ok(reads && is(SEC_FETCH_MODE, "navigate")? && is(SEC_FETCH_DEST, "document")?)
}

fn is_own(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

fn serves(config: &Config, host: &str, path: &str) -> bool {
    let name = name_of(host);
    let allowed = config.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    if config.listen.ip().is_loopback() {
        return allowed || is_loopback(name);
    }
    // Probes of an orchestrator call a process by its address.
    let health = matches!(Resource::of(path), Some(Resource::Live | Resource::Ready));
    allowed || config.allowed_hosts.is_empty() || health
}

/// The host without its port; an IPv6 address without its brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.split(':').next().unwrap_or(host)
}

fn is_loopback(name: &str) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
