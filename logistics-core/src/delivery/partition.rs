//! What the deliveries know about a partition.

use std::collections::{BTreeMap, BTreeSet};

use super::item::ItemId;
use super::record::{DeliveryKey, EndpointStats};
use crate::ids::{EndpointId, Offset, Timestamp};

/// How long what was settled before the recovery is remembered. The previous owner had acknowledged its position long before.
pub(super) const SETTLED_KEPT_MS: u64 = 5 * 60 * 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its records are read.
    Recovering,
    /// It is worked on.
    Live,
    /// The group takes it back: no attempt starts.
    Leaving,
}

#[derive(Debug, Clone)]
pub(super) struct PartitionState {
    pub(super) phase: Phase,
    /// The number of unfinished deliveries of each notification, by its offset.
    pub(super) window: BTreeMap<Offset, u32>,
    /// The deliveries in `window`.
    pub(super) held: usize,
    /// The offset behind the last notification; `None` before the first.
    pub(super) next: Option<Offset>,
    /// The acknowledged position of the notifications.
    pub(super) acknowledged: Offset,
    /// The offset behind the last record of the deliveries that was read.
    pub(super) followed: Offset,
    /// The offset behind the last record of an owner of this channel.
    pub(super) written: Offset,
    /// The records of what waits.
    pub(super) logged: BTreeSet<(Offset, ItemId)>,
    /// Records about deliveries whose notifications are not acknowledged: a new owner needs these records, so that it does not deliver
    /// the notifications again. By the notification's offset.
    pub(super) fences: BTreeMap<Offset, Offset>,
    /// What was settled a short time before or after the recovery, and whose notification may be read again: when, and the record.
    pub(super) settled: BTreeMap<DeliveryKey, (Timestamp, Offset)>,
    /// The time of the last replayed record.
    pub(super) replayed_at: Timestamp,
    /// Forget `settled` then.
    pub(super) forget_at: Option<Timestamp>,
    /// Changes of statistics that are not published.
    pub(super) stats: BTreeMap<EndpointId, EndpointStats>,
    /// When the next statistics may be published.
    pub(super) stats_at: Timestamp,
}

impl PartitionState {
    pub(super) fn recovering() -> Self {
        Self {
            phase: Phase::Recovering,
            window: BTreeMap::new(),
            held: 0,
            next: None,
            acknowledged: Offset(0),
            followed: Offset(0),
            written: Offset(0),
            logged: BTreeSet::new(),
            fences: BTreeMap::new(),
            settled: BTreeMap::new(),
            replayed_at: Timestamp::default(),
            forget_at: None,
            stats: BTreeMap::new(),
            stats_at: Timestamp::default(),
        }
    }

    /// The position: every notification before it is delivered or stored.
    pub(super) fn position(&self) -> Option<Offset> {
        self.window.keys().next().copied().or(self.next)
    }

    /// The last record of an owner of this channel is so far behind that a new owner would search for it for long.
    pub(super) fn needs_checkpoint(&self, records_max: u64) -> bool {
        let behind = self.followed.0.saturating_sub(self.written.0);
        self.phase == Phase::Live && behind > records_max
    }

    /// From where a reader has to read.
    pub(super) fn oldest(&self) -> Offset {
        let logged = self.logged.first().map(|(offset, _)| *offset);
        let fence = self.fences.values().min().copied();
        let settled = self.settled.values().map(|(_, offset)| *offset).min();
        [logged, fence, settled].into_iter().flatten().fold(self.followed, Offset::min)
    }

    /// The notification's offset has one unfinished delivery less.
    pub(super) fn release(&mut self, origin: Offset) {
        self.held = self.held.saturating_sub(1);
        if let Some(count) = self.window.get_mut(&origin) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.window.remove(&origin);
            }
        }
    }

    pub(super) fn acknowledge(&mut self, position: Offset) {
        self.acknowledged = self.acknowledged.max(position);
        self.fences = self.fences.split_off(&self.acknowledged);
    }

    /// What was settled in time to be repeated by this recovery.
    pub(super) fn keep_settled(&mut self, now: Timestamp) {
        let last = self.replayed_at;
        self.settled.retain(|_, (at, _)| last.millis_since(*at) <= SETTLED_KEPT_MS);
        self.forget_at = Some(now.after_millis(2 * SETTLED_KEPT_MS));
    }
}
