//! Groups of readers: durable positions, and the assignment of partitions.

use std::collections::{BTreeMap, BTreeSet};

use super::Broker;
use super::group::{Group, Member};
use logistics_core::port::{Delivery, GroupEvent, ReadLimit, StartAt, SubscriptionEvent, Topic};
use logistics_core::{Offset, Partition};

/// One member of a group of readers. The driver of the broker chooses its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader(pub u32);

impl Reader {
    fn member(self) -> Member {
        Member(self.0)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Readers {
    /// The assignment, by the same rules as among processors.
    group: Group,
    members: BTreeMap<Reader, Turn>,
    positions: BTreeMap<Partition, Offset>,
    /// The position behind the records delivered to a partition's reader: ahead of the group's position.
    given: BTreeMap<Partition, (Reader, Offset)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Turn {
    /// The partition of the last records, so that all partitions get their turn.
    last: Partition,
    /// The start positions of the group that this reader has not received yet.
    started: Vec<(Partition, Offset)>,
}

impl Readers {
    fn forget(&mut self, reader: Reader, partitions: &[Partition]) {
        self.given.retain(|partition, (given, _)| *given != reader || !partitions.contains(partition));
    }

    /// The next event of the group for a reader. A reader whose session expired joins again when it receives its losses.
    fn poll(&mut self, reader: Reader, partitions: u32) -> Option<SubscriptionEvent> {
        loop {
            match self.group.poll(reader.member()) {
                Some(GroupEvent::Assigned(_)) => {}
                Some(GroupEvent::Revoked(revoked)) => return Some(SubscriptionEvent::Revoked(revoked)),
                Some(GroupEvent::Lost(lost)) => {
                    self.forget(reader, &lost);
                    if !self.group.is_member(reader.member()) {
                        self.group.join(reader.member(), partitions);
                    }
                    return Some(SubscriptionEvent::Lost(lost));
                }
                None if self.group.is_member(reader.member()) => return None,
                None => self.group.join(reader.member(), partitions),
            }
        }
    }

    /// Records of the partition may be delivered to this reader.
    fn is_open(&self, reader: Reader, partition: Partition) -> bool {
        let member = reader.member();
        self.group.holds(member, partition) && !self.group.is_revoked(member, partition)
    }
}

impl Broker {
    /// A reader joins a group of readers of a topic. The group distributes the partitions among its members. Without a
    /// position in a partition, it starts at `from`.
    pub fn join_readers(&mut self, topic: Topic, group: &str, reader: Reader, from: StartAt) {
        let starts: Vec<(Partition, Offset)> = (0..self.partitions)
            .map(|partition| (Partition(partition), self.start_of(topic, Partition(partition), from)))
            .collect();
        let partitions = self.partitions;
        let readers = self.readers.entry((topic, group.to_owned())).or_default();
        let started: Vec<_> =
            starts.into_iter().filter(|(partition, _)| !readers.positions.contains_key(partition)).collect();
        readers.positions.extend(started.iter().copied());
        readers.members.insert(reader, Turn { last: Partition(0), started });
        readers.group.join(reader.member(), partitions);
    }

    /// A reader leaves. Its unacknowledged records are delivered to others.
    pub fn leave_readers(&mut self, topic: Topic, group: &str, reader: Reader) {
        let partitions = self.partitions;
        if let Some(readers) = self.readers.get_mut(&(topic, group.to_owned())) {
            readers.members.remove(&reader);
            readers.given.retain(|_, (given, _)| *given != reader);
            readers.group.leave(reader.member(), partitions);
        }
    }

    /// A reader's session expires: its partitions move to others, and its own view is outdated until its next exchange.
    pub fn expire_reader(&mut self, topic: Topic, group: &str, reader: Reader) {
        let partitions = self.partitions;
        if let Some(readers) = self.readers.get_mut(&(topic, group.to_owned())) {
            readers.group.expire(reader.member(), partitions);
        }
    }

    /// The next event of a reader: of the group, or records of one of its partitions that is not held. `None` if it has to
    /// wait.
    pub fn deliver(
        &mut self,
        topic: Topic,
        group: &str,
        reader: Reader,
        limit: ReadLimit,
        held: &BTreeSet<Partition>,
    ) -> Option<SubscriptionEvent> {
        let (key, partitions) = ((topic, group.to_owned()), self.partitions);
        let readers = self.readers.get_mut(&key)?;
        let turn = readers.members.get_mut(&reader)?;
        if !turn.started.is_empty() {
            return Some(SubscriptionEvent::Started(std::mem::take(&mut turn.started)));
        }
        let last = turn.last;
        if let Some(event) = readers.poll(reader, partitions) {
            return Some(event);
        }
        let readers = self.readers.get(&key)?;
        let turns = (1..=partitions).map(|turn| Partition((last.0 + turn) % partitions));
        let (partition, next, event) = turns
            .filter(|partition| !held.contains(partition) && readers.is_open(reader, *partition))
            .find_map(|partition| self.records_for(topic, readers, partition, limit))?;
        let readers = self.readers.get_mut(&key)?;
        readers.members.entry(reader).or_default().last = partition;
        readers.given.insert(partition, (reader, next));
        Some(event)
    }

    /// The partitions of a reader, without revoked ones.
    #[must_use]
    pub fn assigned_to(&self, topic: Topic, group: &str, reader: Reader) -> BTreeSet<Partition> {
        let partitions = (0..self.partitions).map(Partition);
        let Some(readers) = self.readers.get(&(topic, group.to_owned())) else { return BTreeSet::new() };
        partitions.filter(|partition| readers.is_open(reader, *partition)).collect()
    }

    /// Moves a group's position in a partition. False if the partition is not this reader's; then nothing moves.
    #[must_use]
    pub fn acknowledge(
        &mut self,
        topic: Topic,
        group: &str,
        reader: Reader,
        partition: Partition,
        next: Offset,
    ) -> bool {
        let Some(readers) = self.readers.get_mut(&(topic, group.to_owned())) else { return false };
        if !readers.group.holds(reader.member(), partition) {
            return false;
        }
        readers.positions.insert(partition, next);
        true
    }

    /// A reader releases revoked partitions. Other partitions are unchanged.
    pub fn release_readers(&mut self, topic: Topic, group: &str, reader: Reader, released: &[Partition]) {
        let partitions = self.partitions;
        if let Some(readers) = self.readers.get_mut(&(topic, group.to_owned())) {
            let revoked: Vec<Partition> = released
                .iter()
                .copied()
                .filter(|partition| readers.group.is_revoked(reader.member(), *partition))
                .collect();
            readers.forget(reader, &revoked);
            readers.group.release(reader.member(), &revoked, partitions);
        }
    }

    /// The group's position in a partition, if it has one.
    #[must_use]
    pub fn position(&self, topic: Topic, group: &str, partition: Partition) -> Option<Offset> {
        self.readers.get(&(topic, group.to_owned()))?.positions.get(&partition).copied()
    }

    fn start_of(&self, topic: Topic, partition: Partition, from: StartAt) -> Offset {
        let bounds = self.bounds(topic, partition);
        match from {
            StartAt::Start => bounds.start,
            StartAt::End => bounds.end,
            StartAt::Time(time) => self.first_at(topic, partition, time),
        }
    }

    /// The next records of a partition for its reader, and the position behind them.
    fn records_for(
        &self,
        topic: Topic,
        readers: &Readers,
        partition: Partition,
        limit: ReadLimit,
    ) -> Option<(Partition, Offset, SubscriptionEvent)> {
        let given = readers.given.get(&partition).map(|(_, next)| *next);
        let mut from = given.or_else(|| readers.positions.get(&partition).copied()).unwrap_or_default();
        let bounds = self.bounds(topic, partition);
        let to = from.clamp(bounds.start, bounds.end);
        if to != from {
            return Some((partition, to, SubscriptionEvent::Moved { partition, from, to }));
        }
        loop {
            let batch = self.read_committed(topic, partition, from, limit).ok()??;
            if !batch.records.is_empty() {
                let next = batch.next;
                return Some((partition, next, SubscriptionEvent::Records(Delivery { partition, batch })));
            }
            from = batch.next;
        }
    }
}
