//! Rejects cross-site requests (CSRF) and foreign names (DNS rebinding).
//!
//! A browser sends requests of any page to any address. `Origin` and `Sec-Fetch-Site` show the site of the page; other clients
//! send neither. With DNS rebinding, a page's own name resolves to a loopback address, so the page can read the replies. `Host`
//! shows that name.

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
use crate::handle::{Call, Target, reads};
use crate::input::header;
use crate::output::failure::Failure;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Seconds for which a browser may cache a preflight.
const PREFLIGHT_AGE_S: &str = "600";
const METHODS: &str = "DELETE, GET, HEAD, PATCH, POST";
const REQUEST_HEADERS: &str = "authorization, content-type, idempotency-key, if-match, if-none-match, last-event-id, prefer, traceparent, tracestate";
const REPLY_HEADERS: &str = "etag, location, ratelimit, ratelimit-policy, retry-after, x-request-id";

/// An admitted request.
pub(crate) enum Admitted {
    /// A browser's preflight, with its reply.
    Preflight(Response),
    /// A request. The reply must contain the origin, if there is one.
    Request(Option<HeaderValue>),
}

/// Rejects a request from a page of another site, or under a foreign name.
///
/// `is_probe`: probes and scrapers use the address of the process as the name.
pub(crate) fn admit<B>(config: &Config, call: &Call<'_, B>, is_probe: bool) -> Result<Admitted, Failure> {
    let &Call { method, headers, .. } = call;
    let host = host(call)?;
    if host.is_some_and(|host| !serves(config, host, is_probe)) {
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
    if is_own(origin, host, call.peer.is_some_and(|peer| peer.is_tls)) {
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

/// The name under which the client addresses the server. A proxy in front and this server must not take different ones, so there
/// is exactly one.
fn host<'a, B>(call: &Call<'a, B>) -> Result<Option<&'a str>, Failure> {
    let host = header::text(call.headers, &HOST)?;
    match call.authority {
        Target::Relative => Ok(host),
        Target::Authority(authority) => Ok(host.or(Some(authority))),
        // An empty Host says that there is no name (RFC 9112, section 3.2).
        Target::Conflict if host == Some("") => Ok(None),
        Target::Conflict => {
            Err(Failure::invalid("Host", "must be a host, the same as that of the request's target"))
        }
    }
}

/// The reply, with the headers that let a page of an allowed origin read it.
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

/// Whether the request follows a link: the page with the link cannot read the reply.
fn navigates(method: &Method, headers: &HeaderMap) -> Result<bool, Failure> {
    let is = |name: HeaderName, value| header::text(headers, &name).map(|found| found == Some(value));
    Ok(reads(method) && is(SEC_FETCH_MODE, "navigate")? && is(SEC_FETCH_DEST, "document")?)
}

/// The origin is that of this server. A connection without TLS may be that of a proxy with TLS. With TLS, a page of `http` is
/// foreign: the network can forge it.
fn is_own(origin: &str, host: Option<&str>, is_tls: bool) -> bool {
    let plain = origin.strip_prefix("http://").filter(|_| !is_tls);
    let authority = plain.or_else(|| origin.strip_prefix("https://"));
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

fn serves(config: &Config, host: &str, is_probe: bool) -> bool {
    let name = name_of(host);
    let allowed = config.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    if config.listen.ip().is_loopback() {
        return allowed || is_loopback(name);
    }
    allowed || config.allowed_hosts.is_empty() || is_probe
}

/// The host without its port, and an IPv6 address without its brackets.
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
