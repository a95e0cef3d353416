//! Limits the rate of requests, before a body is read.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use hyper::http::Method;
use logistics_service::{LimitState, LimitedCaller, Principal, RouteClass};
use warp::reply::Response;

use crate::caller;
use crate::context::Context;
use crate::handle::reads;
use crate::live;
use crate::output::failure::Failure;
use crate::peer::Peer;
use crate::route::Resource;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The principal that makes the request from `address`, if its rate limit admits the request. `state` is that of the limit, for the reply.
///
/// A principal is limited at all of its addresses together. A request without a valid credential counts for its address.
///
/// # Errors
/// As for [`caller::identify`]; 429 over the limit.
pub(crate) async fn identify(
    context: &Context,
    (resource, method): (Resource<'_>, &Method),
    token: Option<&str>,
    headers: &HeaderMap,
    peer: Option<&Peer>,
    address: Option<IpAddr>,
    state: &mut Option<LimitState>,
) -> Result<Principal, Failure> {
    let limiter = &context.limiter;
    let is_stream = live::is_wanted(context, method, headers);
    let Some(class) = class(resource, method, is_stream).filter(|class| limiter.limits(*class)) else {
        return caller::identify(context, resource, token, headers, peer, address).await;
    };
    let by_address = address.map_or(LimitedCaller::Unknown, LimitedCaller::Address);
    let has_credential = token.is_some()
        || headers.contains_key(AUTHORIZATION)
        || peer.is_some_and(|peer| peer.certificate.is_some());
    // A client with a valid credential must not wait for the failures of others at its address.
    if context.authenticator.is_required() && !has_credential {
        *state = limiter.refusal(by_address, class);
        if let Some(retry_after_s) = state.and_then(|state| state.retry_after_s) {
            return Err(Failure::rate_limited(retry_after_s));
        }
    }
    let identified = caller::identify(context, resource, token, headers, peer, address).await;
    let counted = match &identified {
        Ok(principal) => match principal.authenticated() {
            Some(subject) => LimitedCaller::Subject(subject.as_str()),
            None => by_address,
        },
        // It was not the client's fault.
        Err(failure) if failure.is_server_error() => return identified,
        Err(_) => by_address,
    };
    *state = limiter.admit(counted, class).await;
    match state.and_then(|state| state.retry_after_s) {
        Some(retry_after_s) => Err(Failure::rate_limited(retry_after_s)),
        None => identified,
    }
}

/// Shows the state of the limit in the reply: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).
pub(crate) fn show(response: &mut Response, state: Option<LimitState>) {
    let Some(LimitState { class, quota, window_s, remaining, reset_s, .. }) = state else { return };
    let name = class.name();
    for (header, value) in [
        (RATE_LIMIT_POLICY, format!(r#""{name}";q={quota};w={window_s}"#)),
        (RATE_LIMIT, format!(r#""{name}";r={remaining};t={reset_s}"#)),
    ] {
        // Letters, digits and punctuation are a header value.
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(header, value);
        }
    }
}

/// Admits a socket whose client identifies itself later, by its address.
///
/// # Errors
/// 429 over the limit.
pub(crate) async fn unidentified(
    context: &Context,
    address: Option<IpAddr>,
    state: &mut Option<LimitState>,
) -> Result<(), Failure> {
    if !context.limiter.limits(RouteClass::Stream) {
        return Ok(());
    }
    let by_address = address.map_or(LimitedCaller::Unknown, LimitedCaller::Address);
    *state = context.limiter.admit(by_address, RouteClass::Stream).await;
    match state.and_then(|state| state.retry_after_s) {
        Some(retry_after_s) => Err(Failure::rate_limited(retry_after_s)),
        None => Ok(()),
    }
}

/// The class of a request. `is_stream`: it asks for a stream where there is one. `None`: health and the description of the API, which no limit applies to.
fn class(resource: Resource<'_>, method: &Method, is_stream: bool) -> Option<RouteClass> {
    if !resource.is_protected() {
        return None;
    }
    let writes = method == Method::POST;
    Some(match resource {
        // A scraper must not be locked out by the requests of a party at its address.
        Resource::Log { .. } | Resource::Metrics => RouteClass::Admin,
        Resource::Webhooks(_) if !reads(method) => RouteClass::Transition,
        Resource::Orders if writes => RouteClass::Place,
        Resource::TrackingLink(_) => RouteClass::Transition,
        _ if writes => RouteClass::Transition,
        Resource::AllEvents | Resource::Socket => RouteClass::Stream,
        Resource::Events(_) if is_stream => RouteClass::Stream,
        _ => RouteClass::Read,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protected_resource_has_a_class() {
        for (method, path, expected) in [
            (Method::POST, "orders", Some(RouteClass::Place)),
            (Method::POST, "orders/1/cancel", Some(RouteClass::Transition)),
            (Method::POST, "orders/1/transitions", Some(RouteClass::Transition)),
            (Method::GET, "orders", Some(RouteClass::Read)),
            (Method::HEAD, "orders/1", Some(RouteClass::Read)),
            (Method::DELETE, "orders/1", Some(RouteClass::Read)),
            (Method::GET, "orders/1/events", Some(RouteClass::Read)),
            (Method::POST, "orders/1/tracking-link", Some(RouteClass::Transition)),
            (Method::DELETE, "orders/1/tracking-link", Some(RouteClass::Transition)),
            (Method::GET, "track/1", Some(RouteClass::Read)),
            (Method::GET, "track/assets/track.css", None),
            (Method::GET, "log/orders/0", Some(RouteClass::Admin)),
            (Method::DELETE, "webhooks/endpoints/1", Some(RouteClass::Transition)),
            (Method::PATCH, "webhooks/endpoints/1", Some(RouteClass::Transition)),
            (Method::GET, "webhooks/endpoints", Some(RouteClass::Read)),
            (Method::GET, "metrics", Some(RouteClass::Admin)),
            (Method::GET, "health/ready", None),
            (Method::GET, "openapi.json", None),
        ] {
            let resource = Resource::of(path).expect("a path of the API");
            assert_eq!(class(resource, &method, false), expected, "{method} {path}");
        }
        assert_eq!(class(Resource::Events("1"), &Method::GET, true), Some(RouteClass::Stream));
    }
}
