//! Identifies the caller of a request.

use std::net::IpAddr;

use hyper::header::{AUTHORIZATION, HeaderMap};
use logistics_service::{AuthError, Credentials, Principal};

use crate::context::Context;
use crate::input::header;
use crate::output::failure::Failure;
use crate::peer::Peer;
use crate::route::Resource;

const BEARER: &str = "bearer";

/// The principal that makes the request. Health and the description of the API need no credential.
///
/// # Errors
/// 401 without a valid credential; 503 if it cannot be verified now; 429 after too many failed logins.
pub(crate) async fn identify(
    context: &Context,
    resource: Resource<'_>,
    headers: &HeaderMap,
    peer: Option<&Peer>,
    address: Option<IpAddr>,
) -> Result<Principal, Failure> {
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
