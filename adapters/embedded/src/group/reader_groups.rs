//! The groups of readers, each with its coordinator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::group::coordinator::{Coordinator, MemberId};
use crate::state::GroupKey;

/// All groups that have members.
#[derive(Debug)]
pub(crate) struct ReaderGroups {
    partitions: u32,
    groups: Mutex<BTreeMap<GroupKey, Group>>,
}

#[derive(Debug)]
struct Group {
    coordinator: Arc<Coordinator>,
    members: usize,
}

impl ReaderGroups {
    pub(crate) fn new(partitions: u32) -> Self {
        Self { partitions, groups: Mutex::default() }
    }

    /// Adds a member to a group, and creates the group for its first member.
    pub(crate) fn join(&self, key: &GroupKey) -> (Arc<Coordinator>, MemberId) {
        let mut groups = self.lock();
        let new = || Group { coordinator: Arc::new(Coordinator::new(self.partitions)), members: 0 };
        let group = groups.entry(key.clone()).or_insert_with(new);
        group.members += 1;
        (group.coordinator.clone(), group.coordinator.join())
    }

    pub(crate) fn leave(&self, key: &GroupKey, member: MemberId) {
        let mut groups = self.lock();
        let Some(group) = groups.get_mut(key) else { return };
        group.coordinator.leave(member);
        group.members -= 1;
        if group.members == 0 {
            groups.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GroupKey, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::Partition;
    use logistics_core::port::Topic;

    use super::*;

    #[test]
    fn members_of_one_group_share_its_partitions_and_an_empty_group_is_removed() {
        let (groups, key) = (ReaderGroups::new(2), (Topic::Orders, Arc::from("group")));
        let (group, one) = groups.join(&key);
        assert_eq!(group.owns(one, Partition(1)), Some(true));
        let (same, other) = groups.join(&key);
        assert!(Arc::ptr_eq(&group, &same));
        groups.leave(&key, one);
        assert_eq!((group.owns(one, Partition(1)), group.owns(other, Partition(1))), (None, Some(true)));
        groups.leave(&key, other);
        assert!(groups.lock().is_empty());
    }
}
