//! The deliveries of a process.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::effect::{Effect, Input};
use super::endpoint::EndpointState;
use super::item::{Item, ItemId};
use super::partition::{PartitionState, Phase};
use super::settings::Settings;
use crate::ids::{ChannelName, EndpointId, Offset, OrderId, Partition, Timestamp, Version};

/// The deliveries of a channel in a process, as a state machine: [the guarantees](super).
#[derive(Debug, Clone)]
pub struct Deliveries {
    pub(super) channel: ChannelName,
    pub(super) settings: Settings,
    pub(super) writer: u64,
    pub(super) random: u64,
    pub(super) items: BTreeMap<ItemId, Item>,
    pub(super) orders: BTreeMap<EndpointId, BTreeMap<OrderId, BTreeMap<Version, ItemId>>>,
    pub(super) endpoints: BTreeMap<EndpointId, EndpointState>,
    pub(super) partitions: BTreeMap<Partition, PartitionState>,
    /// When to look whether a delivery is late: it holds the position, or its attempt has no answer.
    pub(super) lates: BTreeSet<(Timestamp, ItemId)>,
    /// When to look at the queue of an endpoint.
    pub(super) wakes: BTreeSet<(Timestamp, EndpointId)>,
    /// When to publish again.
    pub(super) republish: BTreeSet<(Timestamp, ItemId)>,
    /// Endpoints that wait for one of the attempts of the process.
    pub(super) blocked: BTreeSet<EndpointId>,
    pub(super) in_flight: usize,
    pub(super) next_item: ItemId,
    pub(super) draining: bool,
    /// When to look for records that must be stored again.
    pub(super) keep_at: Timestamp,
    pub(super) effects: VecDeque<Effect>,
}

/// The state of the deliveries at one moment, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveriesReading {
    /// Deliveries that wait, stored in the log.
    pub waiting: usize,
    /// Attempts under way.
    pub in_flight: usize,
    /// The time of the oldest notification that waits.
    pub oldest_at: Option<Timestamp>,
    /// Endpoints whose circuit breaker is open.
    pub breakers_open: usize,
    /// Partitions that are worked on.
    pub partitions: usize,
}

impl Deliveries {
    /// The deliveries of a channel, without partitions yet. `writer` and `seed` are random: another number for each start.
    #[must_use]
    pub fn new(channel: ChannelName, settings: Settings, writer: u64, seed: u64) -> Self {
        Self {
            channel,
            settings,
            writer,
            random: seed,
            items: BTreeMap::new(),
            orders: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            partitions: BTreeMap::new(),
            lates: BTreeSet::new(),
            wakes: BTreeSet::new(),
            republish: BTreeSet::new(),
            blocked: BTreeSet::new(),
            in_flight: 0,
            next_item: 0,
            draining: false,
            keep_at: Timestamp::default(),
            effects: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Endpoint { endpoint, status } => self.on_endpoint(now, &endpoint, status),
            Input::Assigned(partition) => self.on_assigned(partition),
            Input::Replayed { partition, offset, record } => {
                self.on_replayed(now, partition, offset, *record)
            }
            Input::Recovered { partition, next } => self.on_recovered(now, partition, next),
            Input::Notified { partition, offset, notification, endpoints } => {
                self.on_notified(now, partition, offset, &notification, endpoints);
            }
            Input::Passed { partition, next } => self.on_passed(partition, next),
            Input::Followed { partition, offset, record } => {
                self.on_followed(now, partition, offset, record.map(|record| *record));
            }
            Input::Attempted { attempt, outcome } => self.on_attempted(now, attempt, outcome),
            Input::Published { publish, offset } => self.on_published(now, publish, offset),
            Input::Revoked(partition) => self.on_revoked(now, partition),
            Input::Lost(partition) => self.on_lost(now, partition),
            Input::Draining => self.on_draining(now),
            Input::Woken => {}
        }
        self.on_time(now);
    }

    /// The next thing to do.
    #[must_use]
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When to pass in [`Input::Woken`], unless something else happens earlier.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let first = [
            self.lates.first().map(|(at, _)| *at),
            self.wakes.first().map(|(at, _)| *at),
            self.republish.first().map(|(at, _)| *at),
        ];
        let stats = self.partitions.values().filter(|partition| !partition.stats.is_empty());
        first.into_iter().flatten().chain(stats.map(|partition| partition.stats_at)).min()
    }

    /// The position of a partition's notifications: acknowledge it. `None` before the first one.
    #[must_use]
    pub fn position(&self, partition: Partition) -> Option<Offset> {
        self.partitions.get(&partition)?.position()
    }

    /// The group has this position. Until then, the records keep what a new owner would need to repeat nothing.
    pub fn acknowledged(&mut self, partition: Partition, position: Offset) {
        if let Some(state) = self.partitions.get_mut(&partition) {
            state.acknowledge(position);
        }
    }

    /// Whether more notifications of the partition may be read.
    #[must_use]
    pub fn reads(&self, partition: Partition) -> bool {
        let has_room = self.items.len() < self.settings.waiting_max && !self.draining;
        let open = |state: &PartitionState| {
            state.phase == Phase::Live && state.held < self.settings.held_partition_max
        };
        has_room && self.partitions.get(&partition).is_some_and(open)
    }

    /// Whether nothing is under way: neither an attempt nor a record.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && !self.is_publishing()
    }

    /// Whether a record is on its way to the log.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        self.items.values().any(|item| item.publishing)
    }

    /// Whether a revoked partition can be released: nothing holds its position.
    #[must_use]
    pub fn is_settled(&self, partition: Partition) -> bool {
        self.partitions.get(&partition).is_none_or(|state| state.window.is_empty())
    }

    /// The state at this moment. It looks at every delivery that waits.
    #[must_use]
    pub fn reading(&self) -> DeliveriesReading {
        let waiting = self.items.values().filter(|item| item.log.is_some());
        let open = self.endpoints.values().filter(|endpoint| !endpoint.breaker.is_closed());
        DeliveriesReading {
            waiting: waiting.clone().count(),
            in_flight: self.in_flight,
            oldest_at: waiting.map(|item| item.notification.at).min(),
            breakers_open: open.count(),
            partitions: self.partitions.len(),
        }
    }

    /// A number from 0 to 1.
    pub(super) fn random(&mut self) -> f64 {
        // splitmix64
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.random;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }
}
