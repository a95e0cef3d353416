//! Which requests enter the audit trail.

use std::net::IpAddr;

use hyper::header::HeaderValue;
use hyper::http::{Method, StatusCode};
use logistics_core::OrderId;
use logistics_service::Principal;
use logistics_service::audit::{Entry, Kind};
use warp::reply::Response;

use crate::context::Context;
use crate::handle::reads;
use crate::output::failure::Failure;
use crate::route::Resource;

/// The outcome of a request whose client disconnected before the reply.
const DISCONNECTED: &str = "disconnected";

/// A request that may enter the audit trail.
pub(crate) struct Audited<'a> {
    is_on: bool,
    resource: Resource<'a>,
    method: &'a Method,
    address: Option<IpAddr>,
    request_id: &'a HeaderValue,
}

impl<'a> Audited<'a> {
    pub(crate) fn new(
        context: &Context,
        resource: Resource<'a>,
        method: &'a Method,
        address: Option<IpAddr>,
        request_id: &'a HeaderValue,
    ) -> Self {
        let is_on = context.authenticator.is_required() && resource.is_protected();
        Self { is_on, resource, method, address, request_id }
    }

    /// Records the request if it was refused or used a privilege. `caller`: `None` if it was not identified.
    pub(crate) fn record(&self, caller: Option<&Principal>, result: Result<&Response, &Failure>) {
        if let Some(kind) = self.kind(caller, result).filter(|_| self.is_on) {
            self.write(kind, caller, result.map_or_else(Failure::code, |_| "ok"));
        }
    }

    /// The request runs. If its client disconnects first, the trail says so, because the change may happen nevertheless.
    pub(crate) fn started<'b>(&'b self, caller: &'b Principal) -> Running<'a, 'b> {
        Running { audited: self, caller, has_ended: false }
    }

    fn write(&self, kind: Kind, caller: Option<&Principal>, outcome: &str) {
        let order_id = self.resource.order_id().and_then(|id| OrderId::parse(id).ok());
        Entry {
            kind,
            principal: caller,
            action: &format!("{} {}", self.method, self.resource.template()),
            order_id: order_id.as_ref(),
            outcome,
            request_id: self.request_id.to_str().unwrap_or_default(),
            address: self.address,
        }
        .write();
    }

    fn uses_privilege(&self, caller: &Principal) -> bool {
        caller.is_privileged() && (!reads(self.method) || matches!(self.resource, Resource::Log { .. }))
    }

    fn kind(&self, caller: Option<&Principal>, result: Result<&Response, &Failure>) -> Option<Kind> {
        let is_privileged = caller.is_some_and(Principal::is_privileged);
        let refused = match result.err().map(Failure::status) {
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => true,
            // The order is absent or another party's: guessing ids leaves a trace.
            Some(StatusCode::NOT_FOUND) => caller.is_some() && !is_privileged,
            _ => false,
        };
        if refused {
            return Some(Kind::Refused);
        }
        caller.is_some_and(|caller| self.uses_privilege(caller)).then_some(Kind::Privileged)
    }
}

/// A running request of an identified caller.
pub(crate) struct Running<'a, 'b> {
    audited: &'b Audited<'a>,
    caller: &'b Principal,
    has_ended: bool,
}

impl Running<'_, '_> {
    pub(crate) fn ended(mut self, result: Result<&Response, &Failure>) {
        self.has_ended = true;
        self.audited.record(Some(self.caller), result);
    }
}

impl Drop for Running<'_, '_> {
    fn drop(&mut self) {
        if !self.has_ended && self.audited.is_on && self.audited.uses_privilege(self.caller) {
            self.audited.write(Kind::Privileged, Some(self.caller), DISCONNECTED);
        }
    }
}
