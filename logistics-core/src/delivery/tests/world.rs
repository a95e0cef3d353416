//! One partition, its log and its endpoints, for one owner after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::{
    AttemptId, AttemptOutcome, Deliveries, DeliveryEvent, DeliveryOutcome, DeliveryRecord, Effect, Input,
    Problem, PublishId, Report, Settings,
};
use crate::ids::{ChannelName, EndpointId, Offset, OrderId, Partition, Timestamp, Version};
use crate::notify::Notification;

pub(super) const P: Partition = Partition(0);

pub(super) type Key = (EndpointId, OrderId, Version);

/// An attempt under way.
pub(super) struct Flight {
    pub(super) attempt: AttemptId,
    pub(super) key: Key,
    pub(super) number: u32,
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) settings: Settings,
    pub(super) deliveries: Deliveries,
    pub(super) notifications: Vec<Notification>,
    /// The endpoints that receive every notification.
    pub(super) endpoints: Vec<EndpointId>,
    /// The records of the deliveries.
    pub(super) log: Vec<DeliveryRecord>,
    /// The position of the group.
    pub(super) position: Offset,
    /// The next notification of this owner.
    pub(super) read: usize,
    /// The next record that this owner follows.
    pub(super) followed: usize,
    pub(super) flights: Vec<Flight>,
    pub(super) publishes: Vec<(PublishId, DeliveryRecord)>,
    pub(super) disabled: Vec<(EndpointId, Option<Timestamp>)>,
    pub(super) reports: Vec<Report>,
    /// What the endpoints accepted, in order.
    pub(super) accepted: Vec<Key>,
    /// What the log had settled as delivered when the current owner recovered.
    pub(super) settled: BTreeSet<Key>,
    pub(super) writer: u64,
}

impl World {
    pub(super) fn new(settings: Settings, endpoints: &[&str]) -> Self {
        let mut world = Self {
            now: super::at(0),
            deliveries: Deliveries::new(ChannelName::webhooks(), settings.clone(), 0, 0),
            settings,
            notifications: Vec::new(),
            endpoints: endpoints.iter().map(|name| super::endpoint(name)).collect(),
            log: Vec::new(),
            position: Offset(0),
            read: 0,
            followed: 0,
            flights: Vec::new(),
            publishes: Vec::new(),
            disabled: Vec::new(),
            reports: Vec::new(),
            accepted: Vec::new(),
            settled: BTreeSet::new(),
            writer: 0,
        };
        world.recover();
        world
    }

    /// A new owner: everything in memory is lost.
    pub(super) fn recover(&mut self) {
        self.writer += 1;
        let (channel, settings) = (ChannelName::webhooks(), self.settings.clone());
        self.deliveries = Deliveries::new(channel, settings, self.writer, self.writer * 7919);
        (self.flights, self.publishes) = Default::default();
        self.read = usize::try_from(self.position.0).unwrap();
        self.handle(Input::Assigned(P));
        self.settled = self.log.iter().filter_map(settled).collect();
        let own = self.log.iter().rev().filter(|record| record.channel.is_webhooks());
        let oldest = own.clone().find_map(|record| record.written).map_or(0, |it| it.oldest.0);
        for (offset, record) in (0..).zip(self.log.clone()).skip(usize::try_from(oldest).unwrap()) {
            self.handle(Input::Replayed { partition: P, offset: Offset(offset), record: Box::new(record) });
        }
        self.followed = self.log.len();
        self.handle(Input::Recovered { partition: P, next: Offset(self.log.len() as u64) });
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.deliveries.handle(self.now, input);
        while let Some(effect) = self.deliveries.poll_effect() {
            match effect {
                Effect::Recover(_) => {}
                Effect::Attempt { attempt, endpoint, notification, number, .. } => {
                    let key = (endpoint, notification.order_id.clone(), notification.version);
                    assert!(!self.settled.contains(&key), "{key:?} was settled before the recovery");
                    let pair = |flight: &Flight| flight.key.0 == key.0 && flight.key.1 == key.1;
                    assert!(!self.flights.iter().any(pair), "two messages about one order at once: {key:?}");
                    self.flights.push(Flight { attempt, key, number });
                }
                Effect::Abandon(attempt) => self.flights.retain(|flight| flight.attempt != attempt),
                Effect::Publish { publish, record, .. } => self.publishes.push((publish, *record)),
                Effect::Disable { endpoint, failing_since } => self.disabled.push((endpoint, failing_since)),
                Effect::Report(report) => self.reports.push(report),
            }
        }
    }

    pub(super) fn wait(&mut self, ms: u64) {
        self.now = self.now.after_millis(ms);
        self.handle(Input::Woken);
    }

    /// Adds a notification and passes it in.
    pub(super) fn notify(&mut self, order: &str, version: u64) {
        let mut notification = super::notification(order, version);
        notification.at = self.now;
        self.notifications.push(notification);
        self.read_next();
    }

    /// Reads the next notification, if the owner reads.
    pub(super) fn read_next(&mut self) -> bool {
        if self.read >= self.notifications.len() || !self.deliveries.reads(P) {
            return false;
        }
        let (offset, notification) = (Offset(self.read as u64), self.notifications[self.read].clone());
        self.read += 1;
        let endpoints = self.endpoints.clone();
        let notification = Arc::new(notification);
        self.handle(Input::Notified { partition: P, offset, notification, endpoints });
        true
    }

    pub(super) fn acknowledge(&mut self) {
        if let Some(position) = self.deliveries.position(P) {
            assert!(position >= self.position, "the position moves back: {position} < {}", self.position);
            self.position = position;
            self.deliveries.acknowledged(P, position);
        }
    }

    /// Ends an attempt.
    pub(super) fn answer(&mut self, index: usize, outcome: AttemptOutcome) {
        let flight = self.flights.swap_remove(index);
        if outcome == AttemptOutcome::Delivered {
            self.accepted.push(flight.key);
        }
        self.handle(Input::Attempted { attempt: flight.attempt, outcome });
    }

    /// Ends the attempt to the endpoint.
    pub(super) fn answer_of(&mut self, endpoint: &str, outcome: AttemptOutcome) {
        let index = self.flights.iter().position(|flight| flight.key.0.as_str() == endpoint);
        self.answer(index.expect("an attempt is under way"), outcome);
    }

    /// Stores a record.
    pub(super) fn store(&mut self, index: usize) {
        let (publish, record) = self.publishes.remove(index);
        let offset = Some(Offset(self.log.len() as u64));
        self.log.push(record);
        self.handle(Input::Published { publish, offset });
    }

    /// Another channel stores the same as the last record says, about the same keys.
    pub(super) fn store_foreign(&mut self) {
        if let Some(mut record) = self.log.last().cloned() {
            record.channel = "email".parse().unwrap();
            self.log.push(record);
        }
    }

    pub(super) fn store_all(&mut self) {
        while !self.publishes.is_empty() {
            self.store(0);
        }
    }

    /// Follows the next record.
    pub(super) fn follow(&mut self) -> bool {
        let Some(record) = self.log.get(self.followed).cloned() else { return false };
        let offset = Offset(self.followed as u64);
        self.followed += 1;
        self.handle(Input::Followed { partition: P, offset, record: Some(Box::new(record)) });
        true
    }

    /// The versions under way, by endpoint.
    pub(super) fn under_way(&self) -> BTreeMap<&str, Vec<u64>> {
        let mut found: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for Flight { key: (endpoint, _, version), .. } in &self.flights {
            found.entry(endpoint.as_str()).or_default().push(version.0);
        }
        found
    }
}

fn settled(record: &DeliveryRecord) -> Option<Key> {
    if !record.channel.is_webhooks() {
        return None;
    }
    let DeliveryEvent::Settled(settled) = &record.event else { return None };
    let key = settled.key.clone();
    (settled.outcome == DeliveryOutcome::Delivered).then_some((key.endpoint, key.order_id, key.version))
}

pub(super) fn failed(status: u16) -> AttemptOutcome {
    AttemptOutcome::Failed { problem: Problem::new("status", Some(status)), retry_after_ms: None }
}
