//! Headers that restrict what browsers and caches do with a reply.

use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use warp::reply::Response;

use crate::config::Config;
use crate::route::Resource;

/// A cache stores nothing of the reply.
pub(crate) const NO_STORE: &str = "no-store";
/// A cache compares the reply with the server's before it uses the reply again.
const REVALIDATE: &str = "no-cache";
/// What the page at `/docs` needs: its own files, and the styles and images that Swagger UI inserts. It calls its own server.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/// What the tracking page needs: its own files and its own server.
const TRACK_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";
/// No search engine shows the page.
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// The reply to a request for `path`, with these headers.
pub(crate) fn protect(mut response: Response, config: &Config, path: &str, is_tls: bool) -> Response {
    restrict(&mut response, cache(path));
    let headers = response.headers_mut();
    if is_tls && let Some(tls) = &config.tls {
        let max_age = HeaderValue::try_from(format!("max-age={}", tls.hsts_max_age_s));
        headers.extend(max_age.ok().map(|max_age| (STRICT_TRANSPORT_SECURITY, max_age)));
    }
    if Resource::of(path).is_some_and(Resource::is_page) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    if let Some(Resource::Track(_)) = Resource::of(path) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(TRACK_POLICY));
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        // The address contains the token.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
    }
    response
}

/// The headers of every reply.
pub(crate) fn restrict(response: &mut Response, cache: &'static str) {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
}

/// What is not the description of the API is personal, or true at this moment only. A client may keep an entity tag all the
/// same: `If-None-Match` needs no cache.
fn cache(path: &str) -> &'static str {
    if Resource::of(path).is_some_and(Resource::is_description) { REVALIDATE } else { NO_STORE }
}
