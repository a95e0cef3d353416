//! A group, all members of which are in this process: who owns which partition. The processors are one; readers have theirs.
//!
//! Partitions are shared out by their number. One that somebody was told is theirs moves only once they gave it up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logistics_core::Partition;
use logistics_core::port::GroupEvent;
use tokio::sync::watch;

/// One member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberId(u64);

/// The group.
#[derive(Debug)]
pub(crate) struct Coordinator {
    group: Mutex<Group>,
    /// Counts the changes, to wake whoever waits for one.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Group {
    partitions: u32,
    joined: u64,
    members: BTreeMap<MemberId, View>,
    owners: BTreeMap<Partition, MemberId>,
}

/// What a member was told.
#[derive(Debug, Default)]
struct View {
    assigned: BTreeSet<Partition>,
    /// Those of them that it is to give up.
    revoked: BTreeSet<Partition>,
    /// It was told something.
    greeted: bool,
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

    /// Nobody is a member any more.
    pub(crate) fn close(&self) {
        self.change(|group| {
            group.members.clear();
            group.owners.clear();
        });
    }

    /// Gives up those of the partitions that were revoked; others stay.
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

    /// `None`: it is no member.
    pub(crate) fn owns(&self, member: MemberId, partition: Partition) -> Option<bool> {
        let group = self.lock();
        group.members.contains_key(&member).then(|| group.owners.get(&partition) == Some(&member))
    }

    /// What the group says to a member, if there is something new; `None` where it is no member any more.
    pub(crate) fn poll(&self, member: MemberId) -> Option<Option<GroupEvent>> {
        self.lock().tell(member)
    }

    /// Waits for what the group says to a member; `None` once it is no member any more.
    pub(crate) async fn next(&self, member: MemberId) -> Option<GroupEvent> {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(event) = self.lock().tell(member)? {
                return Some(event);
            }
            changes.changed().await.ok()?;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Group) -> T) -> T {
        let mut group = self.lock();
        let done = change(&mut group);
        group.share_out();
        drop(group);
        self.changes.send_modify(|changes| *changes += 1);
        done
    }

    fn lock(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// Whose a partition should be.
    fn target(&self, partition: Partition) -> Option<MemberId> {
        let place = partition.0 as usize % self.members.len().max(1);
        self.members.keys().nth(place).copied()
    }

    fn share_out(&mut self) {
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

    /// `None`: it is no member. `Some(None)`: there is nothing new.
    fn tell(&mut self, member: MemberId) -> Option<Option<GroupEvent>> {
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
        let greeted = std::mem::replace(&mut view.greeted, true);
        Some((!assigned.is_empty() || !greeted).then_some(GroupEvent::Assigned(assigned)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(coordinator: &Coordinator, member: MemberId) -> Option<GroupEvent> {
        coordinator.lock().tell(member).flatten()
    }

    fn numbered(partitions: [u32; 2]) -> Vec<Partition> {
        partitions.map(Partition).to_vec()
    }

    #[test]
    fn a_partition_moves_once_it_is_given_up() {
        let coordinator = Coordinator::new(4);
        let first = coordinator.join();
        assert_eq!(told(&coordinator, first), Some(GroupEvent::Assigned((0..4).map(Partition).collect())));
        let second = coordinator.join();
        let nothing_yet = GroupEvent::Assigned(Vec::new());
        assert_eq!(told(&coordinator, second), Some(nothing_yet), "it is in");
        let moving = numbered([1, 3]);
        assert_eq!(told(&coordinator, first), Some(GroupEvent::Revoked(moving.clone())));
        assert_eq!((told(&coordinator, first), told(&coordinator, second)), (None, None));
        coordinator.release(first, &[Partition(0), Partition(1), Partition(3)]);
        assert_eq!(told(&coordinator, second), Some(GroupEvent::Assigned(moving.clone())));
        assert_eq!(coordinator.owns(first, Partition(0)), Some(true), "what was not revoked is not given up");
        coordinator.leave(second);
        assert_eq!(told(&coordinator, first), Some(GroupEvent::Assigned(moving)));
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
    fn what_nobody_was_told_moves_at_once() {
        let coordinator = Coordinator::new(4);
        let (first, second) = (coordinator.join(), coordinator.join());
        assert_eq!(told(&coordinator, second), Some(GroupEvent::Assigned(numbered([1, 3]))));
        assert_eq!(told(&coordinator, first), Some(GroupEvent::Assigned(numbered([0, 2]))));
    }
}
