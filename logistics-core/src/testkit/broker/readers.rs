//! Groups of readers: durable positions, and who reads which partition.

use std::collections::BTreeMap;

use super::Broker;
use crate::ids::{Offset, Partition};
use crate::port::{Delivery, ReadLimit, StartAt, Topic};

/// One member of a group of readers, named by whoever drives the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reader(pub u32);

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Readers {
    /// With the partition that each was last given records of, so that all its partitions get their turn.
    members: BTreeMap<Reader, Partition>,
    positions: BTreeMap<Partition, Offset>,
    /// How far a partition's reader was given records, which is ahead of the group's position.
    given: BTreeMap<Partition, (Reader, Offset)>,
}

impl Readers {
    fn reader_of(&self, partition: Partition) -> Option<Reader> {
        let index = partition.0 as usize % self.members.len().max(1);
        self.members.keys().nth(index).copied()
    }

    /// What was given to a reader that does not have the partition any more is given again to the one that has it.
    fn rebalance(&mut self) {
        let given = std::mem::take(&mut self.given);
        self.given = given
            .into_iter()
            .filter(|(partition, (reader, _))| self.reader_of(*partition) == Some(*reader))
            .collect();
    }
}

impl Broker {
    /// A reader joins a group of readers of a topic. The partitions are shared out among its members. Where the group has no
    /// position, it starts at `from`.
    pub fn join_readers(&mut self, topic: Topic, group: &str, reader: Reader, from: StartAt) {
        let starts: Vec<(Partition, Offset)> = (0..self.partitions)
            .map(|partition| (Partition(partition), self.start_of(topic, Partition(partition), from)))
            .collect();
        let readers = self.readers.entry((topic, group.to_owned())).or_default();
        for (partition, start) in starts.into_iter().filter(|(_, start)| *start > Offset(0)) {
            readers.positions.entry(partition).or_insert(start);
        }
        readers.members.insert(reader, Partition(0));
        readers.rebalance();
    }

    /// A reader leaves. What it was given and did not acknowledge is given to others.
    pub fn leave_readers(&mut self, topic: Topic, group: &str, reader: Reader) {
        if let Some(readers) = self.readers.get_mut(&(topic, group.to_owned())) {
            readers.members.remove(&reader);
            readers.rebalance();
        }
    }

    /// The next records for a reader, of one of its partitions; `None` where it has to wait.
    pub fn deliver(
        &mut self,
        topic: Topic,
        group: &str,
        reader: Reader,
        limit: ReadLimit,
    ) -> Option<Delivery> {
        let readers = self.readers.get(&(topic, group.to_owned()))?;
        let last = *readers.members.get(&reader)?;
        let turns = (1..=self.partitions).map(|turn| Partition((last.0 + turn) % self.partitions));
        let delivery = turns
            .filter(|partition| readers.reader_of(*partition) == Some(reader))
            .find_map(|partition| self.records_for(topic, readers, partition, limit))?;
        let readers = self.readers.get_mut(&(topic, group.to_owned()))?;
        readers.members.insert(reader, delivery.partition);
        readers.given.insert(delivery.partition, (reader, delivery.batch.next));
        Some(delivery)
    }

    /// Moves a group's position in a partition; false where the partition is not this reader's, and then nothing moves.
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
        if readers.reader_of(partition) != Some(reader) {
            return false;
        }
        readers.positions.insert(partition, next);
        true
    }

    fn start_of(&self, topic: Topic, partition: Partition, from: StartAt) -> Offset {
        let bounds = self.bounds(topic, partition);
        match from {
            StartAt::Start => bounds.start,
            StartAt::End => bounds.end,
            StartAt::Time(time) => self.first_at(topic, partition, time),
        }
    }

    fn records_for(
        &self,
        topic: Topic,
        readers: &Readers,
        partition: Partition,
        limit: ReadLimit,
    ) -> Option<Delivery> {
        let given = readers.given.get(&partition).map(|(_, next)| *next);
        let position = given.or_else(|| readers.positions.get(&partition).copied()).unwrap_or_default();
        let mut from = position.max(self.bounds(topic, partition).start);
        loop {
            let batch = self.read_committed(topic, partition, from, limit).ok()??;
            if !batch.records.is_empty() {
                return Some(Delivery { partition, batch });
            }
            from = batch.next;
        }
    }
}
