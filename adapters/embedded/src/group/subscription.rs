//! A subscription: one member of a group of readers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::{
    Delivery, GroupEvent, PortError, ReadLimit, StartAt, Subscription, SubscriptionEvent, Topic,
};
use logistics_core::{Offset, Partition, Timestamp};

use crate::error::EmbeddedError;
use crate::group::coordinator::{Coordinator, MemberId};
use crate::handle::Handle;
use crate::log;
use crate::shared::Shared;
use crate::state::GroupKey;
use crate::writer::request::{Acknowledge, Begin, Request};

/// Enough to read a record's time.
const ONE_RECORD: ReadLimit = ReadLimit { records: 1, bytes: 1 };

pub(crate) struct Reader {
    handle: Arc<Handle>,
    group: GroupKey,
    coordinator: Arc<Coordinator>,
    id: MemberId,
    /// The positions of a group that this reader created, until they are reported.
    started: Vec<(Partition, Offset)>,
    /// The partitions of this member, and the next offset to read of each.
    reading: BTreeMap<Partition, Offset>,
    /// The partition of the last records. The search for the next ones begins behind it.
    last: Partition,
}

impl Reader {
    /// Joins a group. A new group starts at `from`.
    pub(crate) async fn join(
        handle: Arc<Handle>,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Self, EmbeddedError> {
        let group: GroupKey = (topic, Arc::from(group));
        let started = begin(&handle, &group, from).await?;
        let (coordinator, id) = handle.shared.reader_groups.join(&group);
        handle.shared.wake_readers(topic);
        let (reading, last) = (BTreeMap::new(), Partition(0));
        Ok(Self { handle, group, coordinator, id, started, reading, last })
    }

    /// The next event that precedes further records.
    fn pending_event(&mut self) -> Result<Option<SubscriptionEvent>, EmbeddedError> {
        if !self.started.is_empty() {
            return Ok(Some(SubscriptionEvent::Started(std::mem::take(&mut self.started))));
        }
        while let Some(event) = self.coordinator.poll(self.id).ok_or(EmbeddedError::Closed)? {
            match event {
                GroupEvent::Assigned(partitions) => {
                    let positions = self.handle.shared.state().positions_of(&self.group);
                    let at = |partition: Partition| (partition, positions[partition.0 as usize]);
                    self.reading.extend(partitions.into_iter().map(at));
                }
                GroupEvent::Revoked(partitions) => {
                    self.reading.retain(|partition, _| !partitions.contains(partition));
                    return Ok(Some(SubscriptionEvent::Revoked(partitions)));
                }
                GroupEvent::Lost(partitions) => {
                    self.reading.retain(|partition, _| !partitions.contains(partition));
                    return Ok(Some(SubscriptionEvent::Lost(partitions)));
                }
            }
        }
        Ok(None)
    }

    /// A partition with unread records, and the offset of the first of them.
    fn unread(&self, held: &BTreeSet<Partition>) -> Option<(Partition, Offset)> {
        let shared = &self.handle.shared;
        let turns = (1..=shared.partitions).map(|turn| Partition((self.last.0 + turn) % shared.partitions));
        turns.into_iter().filter(|partition| !held.contains(partition)).find_map(|partition| {
            let from = *self.reading.get(&partition)?;
            let end = shared.bounds(self.group.0, partition).ok()?.end;
            (from < end).then_some((partition, from))
        })
    }
}

/// Stores the positions of a new group, and returns them. Returns none for a group that has positions.
async fn begin(
    handle: &Arc<Handle>,
    group: &GroupKey,
    from: StartAt,
) -> Result<Vec<(Partition, Offset)>, EmbeddedError> {
    let shared = &handle.shared;
    if shared.state().positions.contains_key(group) {
        return Ok(Vec::new());
    }
    let mut positions = Vec::new();
    for partition in (0..shared.partitions).map(Partition) {
        let bounds = shared.bounds(group.0, partition)?;
        positions.push(match from {
            StartAt::Start => bounds.start,
            StartAt::End => bounds.end,
            StartAt::Time(time) => first_at(shared, group.0, partition, time).await?,
        });
    }
    let begin = Begin { group: group.clone(), positions: positions.clone() };
    let began = handle.queue.call(|reply| Request::Begin(begin, reply)).await?;
    let positions = (0..).map(Partition).zip(positions);
    Ok(if began { positions.collect() } else { Vec::new() })
}

/// The first record at `time` or later, else the log's end. The times of a log never decrease.
async fn first_at(
    shared: &Arc<Shared>,
    topic: Topic,
    partition: Partition,
    time: Timestamp,
) -> Result<Offset, EmbeddedError> {
    let bounds = shared.bounds(topic, partition)?;
    let (mut low, mut high) = (bounds.start.0, bounds.end.0);
    while low < high {
        let middle = low + (high - low) / 2;
        let batch = log::read(shared, topic, partition, Offset(middle), ONE_RECORD).await?;
        if batch.records.first().is_some_and(|record| record.at < time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(Offset(low))
}

#[async_trait]
impl Subscription for Reader {
    async fn next(
        &mut self,
        limit: ReadLimit,
        held: &BTreeSet<Partition>,
    ) -> Result<SubscriptionEvent, PortError> {
        let topic = self.group.0;
        let mut pulse = self.handle.shared.pulse(topic);
        loop {
            pulse.borrow_and_update();
            if self.handle.shared.is_closed() {
                return Err(EmbeddedError::Closed.into());
            }
            if let Some(event) = self.pending_event()? {
                return Ok(event);
            }
            if let Some((partition, from)) = self.unread(held) {
                let batch = log::read(&self.handle.shared, topic, partition, from, limit).await?;
                self.last = partition;
                self.reading.insert(partition, batch.next);
                return Ok(SubscriptionEvent::Records(Delivery { partition, batch }));
            }
            pulse.changed().await.map_err(|_| EmbeddedError::Closed)?;
        }
    }

    fn assigned(&self) -> BTreeSet<Partition> {
        self.reading.keys().copied().collect()
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        if self.coordinator.owns(self.id, partition) != Some(true) {
            return Err(EmbeddedError::NotReader(partition).into());
        }
        let acknowledge = Acknowledge { group: self.group.clone(), partition, next };
        Ok(self.handle.queue.call(|reply| Request::Acknowledge(acknowledge, reply)).await?)
    }

    async fn release(&mut self, partitions: &[Partition]) -> Result<(), PortError> {
        self.coordinator.release(self.id, partitions);
        self.handle.shared.wake_readers(self.group.0);
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.handle.shared.reader_groups.leave(&self.group, self.id);
        self.handle.shared.wake_readers(self.group.0);
    }
}
