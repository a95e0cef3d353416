//! Groups of readers: who reads which partition, and how far each was given records.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logistics_core::{Offset, Partition};

use crate::state::GroupKey;

/// One member of a group of readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ReaderId(u64);

/// All groups that somebody is in.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<Groups>);

#[derive(Debug, Default)]
struct Groups {
    joined: u64,
    groups: BTreeMap<GroupKey, Group>,
}

#[derive(Debug, Default)]
struct Group {
    readers: BTreeSet<ReaderId>,
    /// How far a partition's reader was given records, which is ahead of the group's position.
    given: BTreeMap<Partition, (ReaderId, Offset)>,
}

/// Where a partition's reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is another's.
    Foreign,
    /// It begins at the group's position.
    AtPosition,
    /// It was given everything before this.
    Given(Offset),
}

impl Group {
    fn reader_of(&self, partition: Partition) -> Option<ReaderId> {
        let place = partition.0 as usize % self.readers.len().max(1);
        self.readers.iter().nth(place).copied()
    }

    /// What was given to a reader that does not have the partition any more is given again to the one that has it.
    fn share_out(&mut self) {
        let given = std::mem::take(&mut self.given);
        let stays = |(partition, (reader, _)): &(Partition, (ReaderId, Offset))| {
            self.reader_of(*partition) == Some(*reader)
        };
        self.given = given.into_iter().filter(stays).collect();
    }
}

impl Readers {
    pub(crate) fn join(&self, key: &GroupKey) -> ReaderId {
        let mut groups = self.lock();
        groups.joined += 1;
        let reader = ReaderId(groups.joined);
        let group = groups.groups.entry(key.clone()).or_default();
        group.readers.insert(reader);
        group.share_out();
        reader
    }

    pub(crate) fn leave(&self, key: &GroupKey, reader: ReaderId) {
        let mut groups = self.lock();
        let Some(group) = groups.groups.get_mut(key) else { return };
        group.readers.remove(&reader);
        group.share_out();
        if group.readers.is_empty() {
            groups.groups.remove(key);
        }
    }

    pub(crate) fn standing(&self, key: &GroupKey, reader: ReaderId, partition: Partition) -> Standing {
        let groups = self.lock();
        let Some(group) = groups.groups.get(key).filter(|group| group.reader_of(partition) == Some(reader))
        else {
            return Standing::Foreign;
        };
        group.given.get(&partition).map_or(Standing::AtPosition, |(_, next)| Standing::Given(*next))
    }

    /// Notes what a reader is given; false where the partition is not its any more, and then it gets nothing.
    #[must_use]
    pub(crate) fn give(&self, key: &GroupKey, reader: ReaderId, partition: Partition, next: Offset) -> bool {
        let mut groups = self.lock();
        let Some(group) = groups.groups.get_mut(key) else { return false };
        let is_its = group.reader_of(partition) == Some(reader);
        if is_its {
            group.given.insert(partition, (reader, next));
        }
        is_its
    }

    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use logistics_core::port::Topic;

    use super::*;

    #[test]
    fn what_was_given_stays_with_its_reader_and_no_longer() {
        let (readers, key) = (Readers::default(), (Topic::Orders, Arc::from("group")));
        let one = readers.join(&key);
        assert!(readers.give(&key, one, Partition(1), Offset(7)));
        assert_eq!(readers.standing(&key, one, Partition(1)), Standing::Given(Offset(7)));
        let other = readers.join(&key);
        assert_eq!(readers.standing(&key, one, Partition(1)), Standing::Foreign);
        assert_eq!(readers.standing(&key, other, Partition(1)), Standing::AtPosition);
        assert!(!readers.give(&key, one, Partition(1), Offset(9)));
        readers.leave(&key, other);
        assert_eq!(readers.standing(&key, one, Partition(1)), Standing::AtPosition);
        readers.leave(&key, one);
        assert!(readers.lock().groups.is_empty());
    }
}
