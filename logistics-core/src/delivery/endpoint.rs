//! What the deliveries know about an endpoint.

use std::collections::BTreeSet;

use super::breaker::Breaker;
use super::effect::EndpointStatus;
use super::item::ItemId;
use super::settings::Settings;
use crate::ids::Timestamp;

#[derive(Debug, Clone)]
pub(super) struct EndpointState {
    pub(super) status: EndpointStatus,
    pub(super) breaker: Breaker,
    /// The endpoint requested a pause until then.
    pub(super) paused_until: Timestamp,
    pub(super) in_flight: usize,
    /// Attempts without an answer in time.
    pub(super) overdue: usize,
    /// Deliveries of it in the process.
    pub(super) items: usize,
    /// Deliveries that are neither accepted nor stored.
    pub(super) held: usize,
    /// The first deliveries of each order that may start, by their time.
    pub(super) queue: BTreeSet<(Timestamp, ItemId)>,
    /// When to look at the queue again.
    pub(super) wake_at: Option<Timestamp>,
    /// Since when every attempt failed.
    pub(super) failing_since: Option<Timestamp>,
    /// It was requested that the endpoint is disabled.
    pub(super) disabling: bool,
}

impl Default for EndpointState {
    fn default() -> Self {
        Self {
            status: EndpointStatus::Enabled,
            breaker: Breaker::default(),
            paused_until: Timestamp::default(),
            in_flight: 0,
            overdue: 0,
            items: 0,
            held: 0,
            queue: BTreeSet::new(),
            wake_at: None,
            failing_since: None,
            disabling: false,
        }
    }
}

impl EndpointState {
    /// The time from which an attempt may start at all.
    pub(super) fn admits_from(&self) -> Timestamp {
        self.paused_until.max(self.breaker.admits_from().unwrap_or_default())
    }

    /// An attempt may start now, as far as the endpoint is concerned.
    pub(super) fn has_room(&self, settings: &Settings) -> bool {
        self.in_flight < self.breaker.in_flight_max(settings)
    }

    /// The endpoint does not keep up: what is new waits in the log at once.
    pub(super) fn is_behind(&self, settings: &Settings) -> bool {
        self.overdue > 0 || self.held >= settings.held_endpoint_max
    }

    /// Attempts are postponed.
    pub(super) fn is_paused(&self, now: Timestamp) -> bool {
        !self.breaker.is_closed() || self.paused_until > now
    }
}
