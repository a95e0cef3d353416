//! The coordinator of one group, whose members are all in this process. It assigns partitions to members by their numbers.
//!
//! A partition moves at once until its owner is notified. After that, it moves when the owner has released it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logistics_core::Partition;
use logistics_core::port::GroupEvent;
use tokio::sync::watch;

/// The id of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberId(u64);

#[derive(Debug)]
pub(crate) struct Coordinator {
    group: Mutex<Group>,
    /// Counts the changes, to wake the members that wait for one.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Group {
    partitions: u32,
    joined: u64,
    members: BTreeMap<MemberId, View>,
    owners: BTreeMap<Partition, MemberId>,
}

/// The events of which a member was notified.
#[derive(Debug, Default)]
struct View {
    assigned: BTreeSet<Partition>,
    /// Those of `assigned` that the member has to release.
    revoked: BTreeSet<Partition>,
    /// The member has received its first event.
    notified: bool,
}

impl Coordinator {
    pub(crate) fn new(partitions: u32) -> Self {
        let group = Group { partitions, joined: 0, members: BTreeMap::new(), owners: BTreeMap::new() };
        Self { group: Mutex::new(group), changes: watch::Sender::new(0) }
    }

    pub(crate) fn join(&self) -> MemberId {
        self.change(|group| {
            group.joined += 1;
            let member = MemberId(group.joined);
            group.members.insert(member, View::default());
            member
        })
    }

    pub(crate) fn leave(&self, member: MemberId) {
        self.change(|group| {
            group.members.remove(&member);
            group.owners.retain(|_, owner| *owner != member);
        });
    }

    /// Removes all members.
    pub(crate) fn close(&self) {
        self.change(|group| {
            group.members.clear();
            group.owners.clear();
        });
    }

    /// Releases those of the partitions that were revoked, and keeps the others.
    pub(crate) fn release(&self, member: MemberId, partitions: &[Partition]) {
        self.change(|group| {
            let Some(view) = group.members.get_mut(&member) else { return };
            for partition in partitions {
                if view.revoked.remove(partition) {
                    view.assigned.remove(partition);
                    group.owners.remove(partition);
                }
            }
        });
    }

    /// `None` if the caller is not a member.
    pub(crate) fn owns(&self, member: MemberId, partition: Partition) -> Option<bool> {
        let group = self.lock();
        group.members.contains_key(&member).then(|| group.owners.get(&partition) == Some(&member))
    }

    /// The next event of a member, if there is one. `None` if the caller is not a member.
    pub(crate) fn poll(&self, member: MemberId) -> Option<Option<GroupEvent>> {
        self.lock().next_event(member)
    }

    /// Waits for the next event of a member. `None` if the caller is not a member.
    pub(crate) async fn next(&self, member: MemberId) -> Option<GroupEvent> {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(event) = self.lock().next_event(member)? {
                return Some(event);
            }
            changes.changed().await.ok()?;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Group) -> T) -> T {
        let mut group = self.lock();
        let done = change(&mut group);
        group.rebalance();
        drop(group);
        self.changes.send_modify(|changes| *changes += 1);
        done
    }

    fn lock(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// The member that should own a partition.
    fn target(&self, partition: Partition) -> Option<MemberId> {
        let index = partition.0 as usize % self.members.len().max(1);
        self.members.keys().nth(index).copied()
    }

    fn rebalance(&mut self) {
        for partition in (0..self.partitions).map(Partition) {
            let owner = self.owners.get(&partition);
            let view = owner.and_then(|owner| self.members.get(owner));
            if view.is_some_and(|view| view.assigned.contains(&partition)) {
                continue;
            }
            if let Some(target) = self.target(partition) {
                self.owners.insert(partition, target);
            }
        }
    }

    /// `None` if the caller is not a member; `Some(None)` if there is no event.
    fn next_event(&mut self, member: MemberId) -> Option<Option<GroupEvent>> {
        let view = self.members.get(&member)?;
        let leaving = |partition: &Partition| {
            !view.revoked.contains(partition) && self.target(*partition) != Some(member)
        };
        let revoked: Vec<_> = view.assigned.iter().copied().filter(leaving).collect();
        let owned =
            self.owners.iter().filter(|(_, owner)| **owner == member).map(|(partition, _)| *partition);
        let assigned: Vec<_> = owned.filter(|partition| !view.assigned.contains(partition)).collect();
        let view = self.members.get_mut(&member)?;
        if !revoked.is_empty() {
            view.revoked.extend(&revoked);
            return Some(Some(GroupEvent::Revoked(revoked)));
        }
        view.assigned.extend(&assigned);
        let notified = std::mem::replace(&mut view.notified, true);
        Some((!assigned.is_empty() || !notified).then_some(GroupEvent::Assigned(assigned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(coordinator: &Coordinator, member: MemberId) -> Option<GroupEvent> {
        coordinator.lock().next_event(member).flatten()
    }

    fn numbered(partitions: [u32; 2]) -> Vec<Partition> {
        partitions.map(Partition).to_vec()
    }

    #[test]
    fn a_partition_moves_when_its_owner_releases_it() {
        let coordinator = Coordinator::new(4);
        let first = coordinator.join();
        assert_eq!(event(&coordinator, first), Some(GroupEvent::Assigned((0..4).map(Partition).collect())));
        let second = coordinator.join();
        let joined = GroupEvent::Assigned(Vec::new());
        assert_eq!(event(&coordinator, second), Some(joined), "joined, no partitions");
        let moving = numbered([1, 3]);
        assert_eq!(event(&coordinator, first), Some(GroupEvent::Revoked(moving.clone())));
        assert_eq!((event(&coordinator, first), event(&coordinator, second)), (None, None));
        coordinator.release(first, &[Partition(0), Partition(1), Partition(3)]);
        assert_eq!(event(&coordinator, second), Some(GroupEvent::Assigned(moving.clone())));
        assert_eq!(coordinator.owns(first, Partition(0)), Some(true), "0 was not revoked");
        coordinator.leave(second);
        assert_eq!(event(&coordinator, first), Some(GroupEvent::Assigned(moving)));
        assert_eq!(coordinator.owns(second, Partition(1)), None);
    }

    #[tokio::test]
    async fn closing_ends_every_wait() {
        let coordinator = Coordinator::new(1);
        let member = coordinator.join();
        assert!(matches!(coordinator.next(member).await, Some(GroupEvent::Assigned(_))));
        let (event, ()) = tokio::join!(coordinator.next(member), async { coordinator.close() });
        assert_eq!(event, None);
        assert_eq!(coordinator.owns(member, Partition(0)), None);
    }

    #[test]
    fn a_partition_moves_at_once_if_its_owner_was_not_notified() {
        let coordinator = Coordinator::new(4);
        let (first, second) = (coordinator.join(), coordinator.join());
        assert_eq!(event(&coordinator, second), Some(GroupEvent::Assigned(numbered([1, 3]))));
        assert_eq!(event(&coordinator, first), Some(GroupEvent::Assigned(numbered([0, 2]))));
    }
}
