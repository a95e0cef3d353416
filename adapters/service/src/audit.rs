//! The audit trail: which calls were refused, and which ones used a privilege.
//!
//! Each entry is an event of [`tracing`] with the target [`TARGET`], so a program writes the trail with the subscriber of its
//! choice. An entry contains no credential, no body and no header. The audit of a log's invariants is
//! [`logistics_core::audit`](https://docs.rs/logistics-core).

use std::net::IpAddr;

use logistics_core::OrderId;

use crate::principal::Principal;

/// The target of every event of the trail.
pub const TARGET: &str = "logistics::audit";

/// Why a call is in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The credential was missing or rejected, or the caller was not permitted to do this. For a party, also a call about an
    /// order that is absent or another party's.
    Refused,
    /// The caller used a permission of an operator or of a scope.
    Privileged,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Refused => "refused",
            Kind::Privileged => "privileged",
        }
    }
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Why the call is in the trail.
    pub kind: Kind,
    /// The caller; `None` if it was not identified.
    pub principal: Option<&'a Principal>,
    /// What the caller called, for example `POST /orders/{id}/cancel`.
    pub action: &'a str,
    /// The order, if the call is about one.
    pub order_id: Option<&'a OrderId>,
    /// The code of the failure; `ok` if there was none.
    pub outcome: &'a str,
    /// Identifies the call in the reply.
    pub request_id: &'a str,
    /// The client's address, if it is known.
    pub address: Option<IpAddr>,
}

impl Entry<'_> {
    /// Writes the entry.
    pub fn write(&self) {
        let Self { kind, principal, action, order_id, outcome, request_id, address } = *self;
        let roles = principal
            .map(|principal| principal.roles().map(|role| role.name()).collect::<Vec<_>>().join(","));
        tracing::info!(
            target: TARGET,
            kind = kind.name(),
            subject = principal.map(Principal::subject),
            roles,
            action,
            order_id = order_id.map(OrderId::as_str),
            outcome,
            request_id,
            address = address.map(tracing::field::display),
            "audit"
        );
    }
}
