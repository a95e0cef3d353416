//! What became of the deliveries: statistics and dead letters, as this process has read them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use logistics_core::delivery::{
    DeliveryEvent, DeliveryKey, DeliveryOutcome, DeliveryRecord, EndpointStats, Problem, Settled,
};
use logistics_core::port::{Bounds, LogRecord, Topic};
use logistics_core::webhook::EndpointId;
use logistics_core::{ChannelName, Offset, OrderId, Partition, Timestamp, Version, wire};
use tokio::sync::watch;

use super::reader::TopicFold;

/// How far back a partition is read at the start, in records.
const RECORDS_BACK_MAX: u64 = 100_000;
/// Receivers of other channels whose dead letters a process keeps. Each channel has few.
const RECEIVERS_MAX: usize = 1_000;
/// Dead letters that a process keeps; beyond it, the oldest ones are only in the log.
const DEAD_LETTERS_MAX: usize = 100_000;

/// A message that was not delivered with all its attempts, or whose endpoint was disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The order.
    pub order_id: OrderId,
    /// The version of the order's fact.
    pub version: Version,
    /// When the delivery was given up.
    pub at: Timestamp,
    /// Attempts that ended without success.
    pub attempts: u32,
    /// What the last attempt failed for.
    pub problem: Option<Problem>,
    pub(super) position: Position,
}

/// Where the record of a dead letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) partition: Partition,
    pub(super) offset: Offset,
}

/// The deliveries of all partitions.
pub(crate) struct Deliveries {
    index: Mutex<Index>,
    caught_up: Vec<watch::Sender<bool>>,
}

#[derive(Default)]
struct Index {
    stats: BTreeMap<EndpointId, EndpointStats>,
    dead: BTreeMap<DeliveryKey, DeadLetter>,
    /// The same by age, for the limit.
    by_age: BTreeSet<(Timestamp, DeliveryKey)>,
    /// The receivers of channels other than that of the webhooks.
    channels: BTreeMap<EndpointId, ChannelName>,
}

impl Deliveries {
    pub(crate) fn new(partitions: u32) -> Self {
        let caught_up = (0..partitions).map(|_| watch::Sender::new(false)).collect();
        Self { index: Mutex::default(), caught_up }
    }

    /// Every partition is read up to the end that it had at the start.
    pub(crate) fn is_ready(&self) -> bool {
        self.caught_up.iter().all(|caught_up| *caught_up.borrow())
    }

    pub(crate) async fn caught_up(&self) {
        for caught_up in &self.caught_up {
            // The sender is a field of this value.
            let _ = caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
        }
    }

    /// The sums of the records of an endpoint.
    pub(crate) fn stats(&self, id: &EndpointId) -> EndpointStats {
        self.lock().stats.get(id).cloned().unwrap_or_else(|| EndpointStats::new(id.clone()))
    }

    /// The dead letters of an endpoint since a time, by order and version.
    pub(crate) fn dead_letters(&self, id: &EndpointId, since: Option<Timestamp>) -> Vec<DeadLetter> {
        let index = self.lock();
        let of_endpoint = index.dead.iter().filter(|(key, _)| key.endpoint == *id);
        let letters = of_endpoint.map(|(_, letter)| letter);
        letters.filter(|letter| since.is_none_or(|since| letter.at >= since)).cloned().collect()
    }

    /// The channel of a receiver that is no webhook endpoint; `None`: no record names such a receiver.
    pub(crate) fn channel_of(&self, id: &EndpointId) -> Option<ChannelName> {
        self.lock().channels.get(id).cloned()
    }

    /// Folds a record of another channel. Ids distinguish its receivers from webhook endpoints.
    fn fold_of_channel(&self, position: Position, record: DeliveryRecord) {
        let id = match &record.event {
            DeliveryEvent::Stats(stats) => stats.endpoint.clone(),
            DeliveryEvent::Settled(settled) => settled.key.endpoint.clone(),
            DeliveryEvent::Waiting(waiting) => waiting.endpoint.clone(),
            DeliveryEvent::Redrive(redrive) => redrive.key().endpoint,
            _ => return,
        };
        {
            let mut index = self.lock();
            let is_known = index.channels.get(&id).is_some_and(|channel| *channel == record.channel);
            let is_new = !index.channels.contains_key(&id) && index.channels.len() < RECEIVERS_MAX;
            if !is_known && (!is_new || id.is_of_webhook()) {
                return;
            }
            index.channels.insert(id, record.channel.clone());
        }
        self.fold_record(position, record);
    }

    fn fold_record(&self, position: Position, record: DeliveryRecord) {
        let at = record.at;
        let mut index = self.lock();
        match record.event {
            DeliveryEvent::Stats(stats) => index.add(stats),
            DeliveryEvent::Settled(settled) if settled.outcome == DeliveryOutcome::Dead => {
                index.bury(position, at, settled);
            }
            DeliveryEvent::Settled(settled) => index.remove(&settled.key),
            DeliveryEvent::Redrive(redrive) => index.remove(&redrive.key()),
            DeliveryEvent::Waiting(waiting) => index.remove(&waiting.key()),
            // `DeliveryEvent` is non-exhaustive.
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn add(&mut self, new: EndpointStats) {
        let id = new.endpoint.clone();
        let sums = self.stats.entry(id.clone()).or_insert_with(|| EndpointStats::new(id));
        sums.delivered = sums.delivered.saturating_add(new.delivered);
        sums.failed = sums.failed.saturating_add(new.failed);
        sums.dead = sums.dead.saturating_add(new.dead);
        sums.last_success_at = sums.last_success_at.max(new.last_success_at);
        if new.last_failure_at >= sums.last_failure_at && new.last_failure_at.is_some() {
            sums.last_failure_at = new.last_failure_at;
            sums.last_problem = new.last_problem;
        }
    }

    fn bury(&mut self, position: Position, at: Timestamp, settled: Settled) {
        let Settled { key, attempts, problem, .. } = settled;
        self.remove(&key);
        let (order_id, version) = (key.order_id.clone(), key.version);
        self.by_age.insert((at, key.clone()));
        self.dead.insert(key, DeadLetter { order_id, version, at, attempts, problem, position });
        while self.dead.len() > DEAD_LETTERS_MAX {
            let Some((_, oldest)) = self.by_age.pop_first() else { return };
            self.dead.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &DeliveryKey) {
        if let Some(letter) = self.dead.remove(key) {
            self.by_age.remove(&(letter.at, key.clone()));
        }
    }
}

impl TopicFold for Deliveries {
    const TOPIC: Topic = Topic::Deliveries;

    fn start(&self, _: Partition, bounds: Bounds, next: Option<Offset>) -> Offset {
        let oldest = Offset(bounds.end.0.saturating_sub(RECORDS_BACK_MAX));
        next.unwrap_or(oldest).max(bounds.start)
    }

    /// Unreadable records are skipped: nothing is decided from them here.
    fn fold(&self, partition: Partition, record: &LogRecord) -> ControlFlow<()> {
        let offset = record.offset;
        match wire::decode_delivery(&record.payload) {
            Ok(decoded) if !decoded.channel.is_webhooks() => {
                self.fold_of_channel(Position { partition, offset }, decoded);
            }
            Ok(decoded) => self.fold_record(Position { partition, offset }, decoded),
            Err(error) => {
                tracing::debug!(%partition, %offset, %error, "a record of a webhook delivery was skipped");
            }
        }
        ControlFlow::Continue(())
    }

    fn progressed(&self, partition: Partition, _: Offset, caught_up: bool) {
        if let Some(reader) = self.caught_up.get(partition.0 as usize).filter(|_| caught_up) {
            reader.send_if_modified(|caught_up| !std::mem::replace(caught_up, true));
        }
    }
}
