//! Reading a topic as a group with durable positions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::{
    Delivery, GroupEvent, PortError, PortErrorKind, ReadLimit, StartAt, Subscription, SubscriptionEvent,
    Topic,
};
use logistics_core::{Offset, Partition};
use tokio::sync::Notify;

use crate::client::Brokers;
use crate::error::KafkaError;
use crate::group::member::Member;
use crate::read::fetcher::{Fetcher, PartitionReader};
use crate::read::lookup::Lookup;

/// A member of a group of readers.
pub(crate) struct KafkaSubscription {
    lookup: Arc<Lookup>,
    topic: Topic,
    from: StartAt,
    member: Member,
    fetcher: Arc<Fetcher>,
    woken: Arc<Notify>,
    /// Assigned partitions whose position is not known yet.
    starting: BTreeSet<Partition>,
    reading: BTreeMap<Partition, Reading>,
    /// The partition that was read last: the next poll begins with the one after it.
    last: Partition,
}

struct Reading {
    reader: PartitionReader,
    next: Offset,
}

/// The result of polling the partitions.
enum Arrived {
    Nothing,
    Records(Delivery),
    /// The brokers report the position as out of range.
    Outside {
        partition: Partition,
        position: Offset,
        error: PortError,
    },
}

impl KafkaSubscription {
    pub(crate) async fn join(
        lookup: &Arc<Lookup>,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Self, KafkaError> {
        let brokers: &Arc<Brokers> = &lookup.brokers;
        let name = brokers.config.topic(topic);
        // Before the group assigns partitions, so that none waits for its first read.
        let fetcher = Fetcher::open(brokers, name.clone()).await?;
        Ok(Self {
            lookup: lookup.clone(),
            topic,
            from,
            member: Member::join(brokers, group, name)?,
            fetcher,
            woken: Arc::new(Notify::new()),
            starting: BTreeSet::new(),
            reading: BTreeMap::new(),
            last: Partition(0),
        })
    }

    fn on_event(&mut self, event: GroupEvent) -> Option<SubscriptionEvent> {
        let (gone, event): (_, fn(Vec<Partition>) -> SubscriptionEvent) = match event {
            GroupEvent::Assigned(partitions) => {
                self.starting.extend(partitions);
                return None;
            }
            GroupEvent::Revoked(partitions) => (partitions, SubscriptionEvent::Revoked),
            GroupEvent::Lost(partitions) => (partitions, SubscriptionEvent::Lost),
        };
        self.starting.retain(|partition| !gone.contains(partition));
        self.reading.retain(|partition, _| !gone.contains(partition));
        (!gone.is_empty()).then(|| event(gone))
    }

    /// Starts to read the assigned partitions at the group's positions. Where there is none, the start position is committed before
    /// the first read, so that a member that crashes before its first acknowledgement skips no record. Returns the new positions;
    /// `None` if another member owns a partition now, for which an event will follow.
    async fn start(&mut self) -> Result<Option<Vec<(Partition, Offset)>>, KafkaError> {
        if self.starting.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let starting: Vec<Partition> = self.starting.iter().copied().collect();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (partition, position) in starting.iter().zip(self.member.positions(&starting).await?) {
            match position {
                Some(position) => known.push((*partition, Offset(position))),
                None => unknown.push(*partition),
            }
        }
        let started = self.starts(unknown).await?;
        if !started.is_empty() {
            match self.member.commit(&started).await {
                Err(KafkaError::Closed(_)) => return Ok(None),
                committed => committed?,
            }
        }
        for (partition, next) in known.into_iter().chain(started.iter().copied()) {
            let reader = self.fetcher.partition(partition, self.woken.clone());
            self.reading.insert(partition, Reading { reader, next });
        }
        self.starting.clear();
        Ok(Some(started))
    }

    /// The start positions of partitions for which the group has none.
    async fn starts(&self, partitions: Vec<Partition>) -> Result<Vec<(Partition, Offset)>, KafkaError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        if let StartAt::Time(time) = self.from {
            let offsets = self.lookup.first_at(self.topic, partitions.clone(), time).await?;
            return Ok(partitions.into_iter().zip(offsets).collect());
        }
        let mut starts = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let bounds = self.lookup.bounds(self.topic, partition).await?;
            starts.push((partition, if self.from == StartAt::End { bounds.end } else { bounds.start }));
        }
        Ok(starts)
    }

    /// Polls the partitions in turn, and returns the first result.
    fn arrived(&mut self, limit: ReadLimit, held: &BTreeSet<Partition>) -> Result<Arrived, PortError> {
        let last = self.last;
        let open = self.reading.keys().copied().filter(|partition| !held.contains(partition));
        let (before, after): (Vec<_>, Vec<_>) = open.partition(|partition| *partition <= last);
        for partition in after.into_iter().chain(before) {
            let Some(reading) = self.reading.get_mut(&partition) else { continue };
            match reading.reader.read_now(reading.next, limit).map_err(PortError::from) {
                Ok(None) => {}
                Ok(Some(batch)) => {
                    reading.next = batch.next;
                    self.last = partition;
                    return Ok(Arrived::Records(Delivery { partition, batch }));
                }
                Err(error) => {
                    // A retry polls the other partitions first.
                    self.last = partition;
                    if error.kind() == PortErrorKind::Truncated {
                        return Ok(Arrived::Outside { partition, position: reading.next, error });
                    }
                    return Err(error);
                }
            }
        }
        Ok(Arrived::Nothing)
    }

    /// Moves the position of a partition into the bounds of its log.
    async fn move_into_log(
        &mut self,
        partition: Partition,
        from: Offset,
        error: PortError,
    ) -> Result<SubscriptionEvent, PortError> {
        let bounds = self.lookup.bounds(self.topic, partition).await?;
        let to = from.clamp(bounds.start, bounds.end);
        if to == from {
            // The brokers do not agree yet on the bounds of the log.
            return Err(PortError::new(PortErrorKind::Unavailable, error.to_string()));
        }
        self.reading.entry(partition).and_modify(|reading| reading.next = to);
        Ok(SubscriptionEvent::Moved { partition, from, to })
    }
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next(
        &mut self,
        limit: ReadLimit,
        held: &BTreeSet<Partition>,
    ) -> Result<SubscriptionEvent, PortError> {
        loop {
            let woken = self.woken.clone();
            let woken = woken.notified();
            // Events of the group first, so that a revoked partition is not started, committed or delivered.
            if let Some(event) = self.member.next_now().await {
                match self.on_event(event?) {
                    Some(event) => return Ok(event),
                    None => continue,
                }
            }
            match self.start().await? {
                Some(started) if !started.is_empty() => return Ok(SubscriptionEvent::Started(started)),
                Some(_) => match self.arrived(limit, held)? {
                    Arrived::Records(delivery) => return Ok(SubscriptionEvent::Records(delivery)),
                    Arrived::Outside { partition, position, error } => {
                        return self.move_into_log(partition, position, error).await;
                    }
                    Arrived::Nothing => {}
                },
                None => {}
            }
            let event = tokio::select! {
                biased;
                event = self.member.next() => Some(event?),
                () = woken => None,
            };
            if let Some(event) = event.and_then(|event| self.on_event(event)) {
                return Ok(event);
            }
        }
    }

    fn assigned(&self) -> BTreeSet<Partition> {
        self.starting.iter().chain(self.reading.keys()).copied().collect()
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        Ok(self.member.commit(&[(partition, next)]).await?)
    }

    async fn release(&mut self, partitions: &[Partition]) -> Result<(), PortError> {
        Ok(self.member.release(partitions)?)
    }
}
