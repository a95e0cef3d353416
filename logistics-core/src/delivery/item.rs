//! One delivery.

use std::sync::Arc;

use super::record::{DeliveryKey, DeliveryOutcome, Problem, WaitReason};
use crate::ids::{EndpointId, Offset, OrderId, Partition, Timestamp};
use crate::notify::Notification;

/// Identifies a delivery in memory.
pub(super) type ItemId = u64;
/// The deliveries of which one is under way at a time.
pub(super) type Pair = (EndpointId, OrderId);

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ItemState {
    /// Nothing.
    Idle,
    /// An attempt.
    InFlight {
        /// When it began.
        since: Timestamp,
        /// It has no answer in time, so the endpoint counts as slow.
        overdue: bool,
    },
    /// It ended, and the log does not have that yet.
    Ended(DeliveryOutcome),
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) partition: Partition,
    pub(super) endpoint: EndpointId,
    pub(super) notification: Arc<Notification>,
    /// The offset of the notification, if this owner read it.
    pub(super) origin: Option<Offset>,
    /// The position waits for it: it is neither accepted nor stored.
    pub(super) held: bool,
    /// When the position stops waiting.
    pub(super) held_until: Timestamp,
    /// The offset of its latest record that says that it waits.
    pub(super) log: Option<Offset>,
    /// The time of its latest record.
    pub(super) stored_at: Timestamp,
    /// Attempts that failed.
    pub(super) attempts: u32,
    /// Attempts that began: names the attempt under way.
    pub(super) started: u32,
    pub(super) due_at: Timestamp,
    /// The endpoint recovered, so one attempt may precede `due_at`.
    pub(super) early: bool,
    pub(super) reason: WaitReason,
    pub(super) problem: Option<Problem>,
    pub(super) state: ItemState,
    /// A record is on its way to the log.
    pub(super) publishing: bool,
    /// Its first record waits until the log has the earlier versions of its order.
    pub(super) in_line: bool,
    /// Increases with each change that the log must have.
    pub(super) revision: u32,
    /// The last revision that the log has.
    pub(super) stored_revision: u32,
    pub(super) publish_failures: u32,
    /// Its place in the queue of its endpoint.
    pub(super) queued: Option<Timestamp>,
}

impl Item {
    pub(super) fn new(
        partition: Partition,
        endpoint: EndpointId,
        notification: Arc<Notification>,
        now: Timestamp,
    ) -> Self {
        Self {
            partition,
            endpoint,
            notification,
            origin: None,
            held: false,
            held_until: now,
            log: None,
            stored_at: now,
            attempts: 0,
            started: 0,
            due_at: now,
            early: false,
            reason: WaitReason::Busy,
            problem: None,
            state: ItemState::Idle,
            publishing: false,
            in_line: false,
            revision: 0,
            stored_revision: 0,
            publish_failures: 0,
            queued: None,
        }
    }

    pub(super) fn pair(&self) -> Pair {
        (self.endpoint.clone(), self.notification.order_id.clone())
    }

    pub(super) fn key(&self) -> DeliveryKey {
        let Notification { order_id, version, .. } = &*self.notification;
        DeliveryKey::new(self.endpoint.clone(), order_id.clone(), *version)
    }

    pub(super) fn is_in_flight(&self) -> bool {
        matches!(self.state, ItemState::InFlight { .. })
    }

    /// The log has it, or is about to.
    pub(super) fn is_stored(&self) -> bool {
        self.log.is_some() || self.publishing || self.in_line
    }

    /// The time from which an attempt may start.
    pub(super) fn ready_at(&self) -> Timestamp {
        if self.early { Timestamp::default() } else { self.due_at }
    }
}
