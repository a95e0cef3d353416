//! The use cases of tracking links.

use std::sync::Once;
use std::time::Duration;

use logistics_core::notify::Parties;
use logistics_core::{Actor, Command, Order, OrderId, Timestamp, TraceParent, Version};

use super::claims::{Claims, LinkId};
use super::options::{TRACKING_TTL_MS_MIN, TrackingOptions};
use crate::change::Change;
use crate::error::ServiceError;
use crate::history::unreadable;
use crate::idempotency::IdempotencyKey;
use crate::principal::Principal;
use crate::service::OrderService;
use crate::transition::Transitioned;

/// The warning that links end with the process. Once is enough.
static EPHEMERAL: Once = Once::new();

/// A tracking link of an order.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrackingLink {
    /// Names the link in logs.
    pub link_id: LinkId,
    /// The order that it shows.
    pub order_id: OrderId,
    /// The secret of the link: it shows the order to everyone who has it. It belongs into a URL for the customer, and into no log.
    pub token: String,
    /// The link ends at this time, or earlier: with a revocation, or some hours after the order.
    pub expires_at: Timestamp,
}

/// Without the token.
impl std::fmt::Debug for TrackingLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { link_id, order_id, expires_at, .. } = self;
        f.debug_struct("TrackingLink")
            .field("link_id", &link_id.to_string())
            .field("order_id", order_id)
            .field("expires_at", expires_at)
            .finish_non_exhaustive()
    }
}

/// Revokes every tracking link of an order that exists.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RevokeTracking {
    /// The order.
    pub order_id: OrderId,
    /// The actor that requests it. `None`: the principal's own, or `operator` if it may be any.
    pub actor: Option<Actor>,
    /// The version that the order must have; otherwise the processor rejects the request as stale. `None`: any version.
    pub expected_version: Option<Version>,
    /// Identifies the request: one key of one principal for one order is one request.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The trace context that the request's records carry.
    pub trace: Option<TraceParent>,
    /// How long to wait for the decision. `None`: [`Options::default_wait_ms`](crate::Options).
    pub wait: Option<Duration>,
}

impl RevokeTracking {
    /// Revokes the links of this order.
    #[must_use]
    pub fn new(order_id: OrderId) -> Self {
        let (actor, expected_version, idempotency_key, trace, wait) = (None, None, None, None, None);
        Self { order_id, actor, expected_version, idempotency_key, trace, wait }
    }
}

impl OrderService {
    /// Makes a tracking link of an order, for a party of the order, an operator, or a service that may act as any actor. Nothing
    /// is stored. `ttl`: how long the link is valid; `None`: [`TrackingOptions::ttl_default_ms`].
    ///
    /// # Errors
    /// As for [`OrderService::find`]. [`ServiceError::Forbidden`] for a principal that only reads; `Invalid` for a time outside of
    /// the limits; `LinkEnded` if the order ended too long ago; `NoTracking` without [`Options::tracking`](crate::Options).
    pub async fn create_tracking_link(
        &self,
        principal: &Principal,
        order_id: &OrderId,
        ttl: Option<Duration>,
    ) -> Result<TrackingLink, ServiceError> {
        let options = self.tracking()?;
        let ttl_ms = checked_ttl_ms(options, ttl)?;
        if principal.tracked().is_some() {
            return Err(ServiceError::Forbidden);
        }
        let document = self.find(principal, order_id).await?.json;
        let order = Order::from_document(&document).map_err(|error| unreadable(Some(order_id), &error))?;
        if !principal.may_share(Parties::from(&order)) {
            return Err(ServiceError::Forbidden);
        }
        let now = self.shared.clock.now();
        let mut expires_at = now.after_millis(ttl_ms);
        if order.status.is_terminal() {
            expires_at = expires_at.min(order.updated_at.after_millis(options.ended_ms_max));
        }
        if expires_at <= now {
            return Err(ServiceError::LinkEnded);
        }
        let claims = Claims {
            order_id: order_id.clone(),
            expires_at: Timestamp::from_millis(expires_at.as_millis() / 1000 * 1000),
            epoch: order.tracking_epoch.unwrap_or_default(),
            link_id: LinkId::new(rand::random()),
        };
        if options.keys.is_ephemeral() {
            EPHEMERAL.call_once(|| {
                tracing::warn!("tracking links end with this process: it has no --tracking-key-file, so its key is random");
            });
        }
        let token = options.keys.sign(&claims);
        let Claims { order_id, expires_at, link_id, .. } = claims;
        Ok(TrackingLink { link_id, order_id, token, expires_at })
    }

    /// Requests that every tracking link of the order that exists becomes invalid, and waits for the decision.
    ///
    /// # Errors
    /// As for [`OrderService::transition`]. [`logistics_core::Rejection::TrackingNotRevocable`] after the order's end.
    pub async fn revoke_tracking_links(
        &self,
        principal: &Principal,
        revoke: RevokeTracking,
    ) -> Result<Transitioned, ServiceError> {
        let RevokeTracking { order_id, actor, expected_version, idempotency_key, trace, wait } = revoke;
        let (command, reason) = (Command::RevokeTracking, None);
        let change =
            Change { order_id, command, actor, expected_version, reason, idempotency_key, trace, wait };
        self.change(principal, change).await
    }

    /// The holder of a tracking link, from the link's token: a principal that reads this order, with reduced fields, and nothing
    /// else. [`OrderService::find`] checks whether the link was revoked.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for a token that none of the keys signed for this order, whether the order exists or not;
    /// [`ServiceError::LinkEnded`] for a link that has expired.
    pub fn link_holder(&self, order_id: &OrderId, token: &str) -> Result<Principal, ServiceError> {
        let options = self.tracking().map_err(|_| ServiceError::NotFound)?;
        let claims = options.keys.verified(order_id, token).ok_or(ServiceError::NotFound)?;
        if claims.expires_at <= self.shared.clock.now() {
            return Err(ServiceError::LinkEnded);
        }
        Principal::holder_of(claims)
    }

    /// Whether a document still has the epoch of the principal's link. For any other principal: yes.
    pub(crate) fn check_link(
        &self,
        principal: &Principal,
        order_id: &OrderId,
        json: &[u8],
    ) -> Result<(), ServiceError> {
        let Some(claims) = principal.tracked() else { return Ok(()) };
        let (now, options) = (self.shared.clock.now(), self.tracking()?);
        let shows = claims
            .shows(json, now, options.ended_ms_max)
            .map_err(|error| unreadable(Some(order_id), &error))?;
        if shows { Ok(()) } else { Err(ServiceError::LinkEnded) }
    }

    fn tracking(&self) -> Result<&TrackingOptions, ServiceError> {
        self.shared.options.tracking.as_ref().ok_or(ServiceError::NoTracking)
    }
}

fn checked_ttl_ms(options: &TrackingOptions, ttl: Option<Duration>) -> Result<u64, ServiceError> {
    let Some(ttl) = ttl else { return Ok(options.ttl_default_ms) };
    let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    if (TRACKING_TTL_MS_MIN..=options.ttl_ms_max).contains(&ttl_ms) {
        return Ok(ttl_ms);
    }
    let (min, max) = (TRACKING_TTL_MS_MIN / 1000, options.ttl_ms_max / 1000);
    Err(ServiceError::invalid("ttl_s", format!("must be from {min} to {max} seconds")))
}
