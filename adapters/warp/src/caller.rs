//! Identifies the caller of a request.

use std::borrow::Cow;
use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::http::Method;
use logistics_core::OrderId;
use logistics_service::{AuthError, Credentials, Principal, ServiceError};

use crate::context::Context;
use crate::handle::reads;
use crate::input::header;
use crate::output::failure::Failure;
use crate::peer::Peer;
use crate::route::Resource;

const BEARER: &str = "bearer";
/// The query parameter with the token of a tracking link.
pub(crate) const TOKEN: &str = "token";

/// The principal that makes the request. Health and the description of the API need no credential. `token`: that of a tracking
/// link, which takes the place of every other credential, so that a page of one order never uses more rights than its link.
///
/// # Errors
/// 401 without a valid credential; 503 if it cannot be verified now; 429 after too many failed logins.
pub(crate) async fn identify(
    context: &Context,
    resource: Resource<'_>,
    token: Option<&str>,
    headers: &HeaderMap,
    peer: Option<&Peer>,
    address: Option<IpAddr>,
) -> Result<Principal, Failure> {
    if let Some(token) = token {
        return link_holder(context, resource, token);
    }
    if matches!(resource, Resource::Track(_)) {
        return Err(ServiceError::NotFound.into());
    }
    if !resource.is_protected() || !context.authenticator.is_required() {
        return Ok(Principal::anonymous());
    }
    let mut credentials = Credentials::default();
    credentials.bearer = match header::text(headers, &AUTHORIZATION)? {
        None => None,
        Some(value) => Some(bearer(value).ok_or_else(Failure::invalid_credential)?),
    };
    credentials.certificate = peer.and_then(|peer| peer.certificate.as_deref());
    credentials.address = address;
    context.authenticator.authenticate(&credentials).await.map_err(|error| {
        match &error {
            // A flood of these says nothing more than the first one.
            AuthError::Missing | AuthError::TooManyFailures { .. } => {
                tracing::debug!(reason = %error, ?address, "rejected a request without a valid credential");
            }
            error => {
                let address = address.map(tracing::field::display);
                tracing::info!(reason = %error, address, "rejected a credential");
            }
        }
        error.into()
    })
}

/// An id that is none gets the reply of an unknown order, as a foreign token does.
fn link_holder(context: &Context, resource: Resource<'_>, token: &str) -> Result<Principal, Failure> {
    let order_id =
        resource.order_id().and_then(|id| OrderId::parse(id).ok()).ok_or(ServiceError::NotFound)?;
    Ok(context.service.link_holder(&order_id, token)?)
}

/// The token of a tracking link in the query, if the resource accepts one.
pub(crate) fn tracking_token<'a>(
    resource: Resource<'_>,
    method: &Method,
    query: &'a str,
) -> Option<Cow<'a, str>> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let mut token = || pairs.find(|(name, _)| name == TOKEN).map(|(_, token)| token);
    if resource.is_trackable() && reads(method) { token() } else { None }
}

/// The token of `Bearer TOKEN` (RFC 6750). The scheme is case-insensitive.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_matches(' ');
    (scheme.eq_ignore_ascii_case(BEARER) && !token.is_empty() && !token.contains(' ')).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_follows_its_scheme() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer\tabc", None),
            ("Bearer a b", None),
            ("Basic abc", None),
            ("abc", None),
        ] {
            assert_eq!(bearer(value), token, "{value}");
        }
    }
}
