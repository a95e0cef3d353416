//! `GET /live`: a WebSocket (RFC 6455) with any number of subscriptions, by the subprotocol `logistics.live.v1`.

mod message;
mod run;
mod subscriptions;

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{
    AUTHORIZATION, CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::http::{Method, StatusCode};
use logistics_core::observe::StreamKind;
use logistics_service::{LimitedCaller, Principal};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use warp::reply::Response;

use crate::context::Context;
use crate::handle::Call;
use crate::input::header;
use crate::live::request::limited;
use crate::output::failure::Failure;
use crate::peer::Peer;
use crate::route::Resource;

/// The subprotocol.
const PROTOCOL: &str = "logistics.live.v1";
const VERSION: &str = "13";
/// Characters of a key: 16 bytes in Base64.
const KEY_BYTES: usize = 24;

/// The client sends no credential with its upgrade, so its first message has to.
pub(crate) fn identifies_later(context: &Context, headers: &HeaderMap, peer: Option<&Peer>) -> bool {
    let has_certificate = peer.is_some_and(|peer| peer.certificate.is_some());
    let has_credential = headers.contains_key(AUTHORIZATION) || has_certificate;
    context.authenticator.is_required() && !has_credential && is_upgrade(headers)
}

/// Upgrades a connection. `caller`: `None` if the first message identifies the client.
pub(crate) fn upgrade<B>(
    context: &Context,
    (caller, address): (Option<&Principal>, Option<IpAddr>),
    call: &Call<'_, B>,
) -> Result<Response, Failure> {
    if *call.method != Method::GET {
        return Err(Failure::method_not_allowed(Resource::Socket.allow()));
    }
    if context.service.feed().is_none() {
        return Err(Failure::without_streams());
    }
    let accept = handshake(call.headers)?;
    let upgrade = call.upgrade.clone().ok_or_else(not_an_upgrade)?;
    let by_address = || address.map_or(LimitedCaller::Unknown, LimitedCaller::Address);
    let limited = caller.map_or_else(by_address, |caller| limited(caller, address));
    let permit = context.service.admit_stream(limited, StreamKind::Socket)?;
    let shared = run::Shared {
        service: context.service.clone(),
        authenticator: context.authenticator.clone(),
        closing: context.closing.clone(),
        heartbeat: Duration::from_millis(context.config.heartbeat_ms.max(1)),
        write: Duration::from_millis(context.config.write_timeout_ms),
        address,
    };
    context.sockets.spawn(run::run(upgrade, shared, caller.cloned(), permit));
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Checks the client's part of the handshake (RFC 6455, section 4.2.1), and returns the proof of the server's.
fn handshake(headers: &HeaderMap) -> Result<HeaderValue, Failure> {
    if !is_upgrade(headers) {
        return Err(not_an_upgrade());
    }
    if header::text(headers, &SEC_WEBSOCKET_VERSION)? != Some(VERSION) {
        let failure = Failure::invalid("Sec-WebSocket-Version", "must be 13");
        return Err(failure.header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION)));
    }
    let key = header::text(headers, &SEC_WEBSOCKET_KEY)?.filter(|key| key.len() == KEY_BYTES);
    let key = key.ok_or_else(|| Failure::invalid("Sec-WebSocket-Key", "must be 16 bytes in Base64"))?;
    if !has(headers, &SEC_WEBSOCKET_PROTOCOL, PROTOCOL) {
        return Err(Failure::invalid("Sec-WebSocket-Protocol", format!("must contain {PROTOCOL}")));
    }
    // Base64 is a header value.
    HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| not_an_upgrade())
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    has(headers, &UPGRADE, "websocket") && has(headers, &CONNECTION, "upgrade")
}

/// The lists of this header contain the token.
fn has(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|token| token.trim().eq_ignore_ascii_case(wanted))
}

fn not_an_upgrade() -> Failure {
    let error = "This path is a WebSocket";
    let failure = Failure::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", error);
    let failure = failure.header(UPGRADE, HeaderValue::from_static("websocket"));
    failure
        .hint("Connect with HTTP/1.1 and Upgrade: websocket; GET /events has the same facts without a socket")
}
