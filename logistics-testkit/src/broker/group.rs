//! The group of processors: its members, their partitions, and the events that each member has received.

use std::collections::{BTreeMap, BTreeSet};

use super::Broker;
use logistics_core::port::GroupEvent;
use logistics_core::{Offset, Partition};

/// One member of the group of processors. The driver of the broker chooses its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member(pub u32);

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Group {
    generation: u32,
    members: BTreeSet<Member>,
    owners: BTreeMap<Partition, Member>,
    /// Partitions that move to another member once their owner releases them.
    moves: BTreeMap<Partition, Member>,
    /// Each member's last exchange with the group. A member whose session expired keeps it: it is a zombie until its next
    /// exchange.
    views: BTreeMap<Member, View>,
    committed: BTreeMap<Partition, Offset>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct View {
    generation: u32,
    assigned: BTreeSet<Partition>,
    revoked: BTreeSet<Partition>,
}

impl Broker {
    /// A member joins the group, for the first time or again. It gets its share of the partitions: those without an owner
    /// at once, others when their owners release them.
    pub fn join(&mut self, member: Member) {
        self.group.join(member, self.partitions);
    }

    /// A member leaves the group.
    pub fn leave(&mut self, member: Member) {
        self.group.leave(member, self.partitions);
    }

    /// A member's session expires: its partitions move to others, and its own view is outdated until
    /// [`Broker::poll_group`] or [`Broker::owns`].
    pub fn expire(&mut self, member: Member) {
        self.group.expire(member, self.partitions);
    }

    /// The group moves a partition to another member: at once if no member has received it, otherwise once its owner has
    /// released it. Does nothing for a member that has left.
    pub fn move_partition(&mut self, partition: Partition, to: Member) {
        if self.group.members.contains(&to) {
            self.group.want(partition, to);
            self.group.generation += 1;
        }
    }

    /// The next event of a member, if there is one. The exchange also updates the member's generation. A member whose
    /// session expired receives its losses, and must [`Broker::join`] again.
    pub fn poll_group(&mut self, member: Member) -> Option<GroupEvent> {
        self.group.poll(member)
    }

    /// Whether the group has this member.
    #[must_use]
    pub fn is_member(&self, member: Member) -> bool {
        self.group.is_member(member)
    }

    /// Whether the group assigns the partition to this member. The exchange also updates the member's generation.
    pub fn owns(&mut self, member: Member, partition: Partition) -> bool {
        self.group.update_generation(member);
        self.group.owner(partition) == Some(member)
    }

    /// The owner of the partition in the group. The member may not have received it yet.
    #[must_use]
    pub fn owner(&self, partition: Partition) -> Option<Member> {
        self.group.owner(partition)
    }

    /// A member releases revoked partitions. Other partitions are unchanged.
    pub fn release(&mut self, member: Member, partitions: &[Partition]) {
        self.group.release(member, partitions, self.partitions);
    }

    /// The group's committed offset of a partition of the orders topic.
    #[must_use]
    pub fn committed_offset(&self, partition: Partition) -> Option<Offset> {
        self.group.committed.get(&partition).copied()
    }

    /// All committed offsets of the group expire or are deleted.
    pub fn expire_offsets(&mut self) {
        self.group.committed.clear();
    }
}

impl Group {
    pub(super) fn join(&mut self, member: Member, partitions: u32) {
        self.free(member);
        self.members.insert(member);
        self.views.insert(member, View::default());
        self.rebalance(partitions);
    }

    pub(super) fn leave(&mut self, member: Member, partitions: u32) {
        self.views.remove(&member);
        self.expire(member, partitions);
    }

    pub(super) fn expire(&mut self, member: Member, partitions: u32) {
        if self.members.remove(&member) {
            self.free(member);
            self.rebalance(partitions);
        }
    }

    pub(super) fn is_member(&self, member: Member) -> bool {
        self.members.contains(&member)
    }

    /// The member owns the partition and has received it.
    pub(super) fn holds(&self, member: Member, partition: Partition) -> bool {
        let view = self.views.get(&member);
        self.owner(partition) == Some(member) && view.is_some_and(|view| view.assigned.contains(&partition))
    }

    /// The member has received the revocation of the partition.
    pub(super) fn is_revoked(&self, member: Member, partition: Partition) -> bool {
        self.views.get(&member).is_some_and(|view| view.revoked.contains(&partition))
    }

    /// Releases the revoked ones of these partitions.
    pub(super) fn release(&mut self, member: Member, released: &[Partition], partitions: u32) {
        if released.iter().filter(|partition| self.give_up(member, **partition)).count() > 0 {
            self.rebalance(partitions);
        }
    }

    /// The generation of the member's last exchange is the current one.
    pub(super) fn is_current(&self, member: Member) -> bool {
        let generation = self.views.get(&member).map(|view| view.generation);
        self.members.contains(&member) && generation == Some(self.generation)
    }

    pub(super) fn commit_offset(&mut self, partition: Partition, next: Offset) {
        self.committed.insert(partition, next);
    }

    fn owner(&self, partition: Partition) -> Option<Member> {
        self.owners.get(&partition).copied()
    }

    fn update_generation(&mut self, member: Member) {
        if self.members.contains(&member)
            && let Some(view) = self.views.get_mut(&member)
        {
            view.generation = self.generation;
        }
    }

    pub(super) fn poll(&mut self, member: Member) -> Option<GroupEvent> {
        self.update_generation(member);
        let Self { owners, moves, views, .. } = self;
        let view = views.get_mut(&member)?;
        let owned = |partition: &Partition| owners.get(partition) == Some(&member);
        let lost: Vec<_> = view.assigned.iter().copied().filter(|partition| !owned(partition)).collect();
        if !lost.is_empty() {
            for partition in &lost {
                view.assigned.remove(partition);
                view.revoked.remove(partition);
            }
            return Some(GroupEvent::Lost(lost));
        }
        let leaves = |partition: &Partition| moves.contains_key(partition) && owned(partition);
        let revoked: Vec<_> =
            moves.keys().copied().filter(|p| leaves(p) && !view.revoked.contains(p)).collect();
        if !revoked.is_empty() {
            view.revoked.extend(&revoked);
            return Some(GroupEvent::Revoked(revoked));
        }
        let assigned: Vec<_> =
            owners.keys().copied().filter(|p| owned(p) && !view.assigned.contains(p)).collect();
        view.assigned.extend(&assigned);
        (!assigned.is_empty()).then_some(GroupEvent::Assigned(assigned))
    }

    /// True if the partition was this member's and revoked.
    fn give_up(&mut self, member: Member, partition: Partition) -> bool {
        let Some(view) = self.views.get_mut(&member) else { return false };
        if self.owners.get(&partition) != Some(&member) || !view.revoked.remove(&partition) {
            return false;
        }
        view.assigned.remove(&partition);
        self.owners.remove(&partition);
        if let Some(next) = self.moves.remove(&partition).filter(|next| self.members.contains(next)) {
            self.owners.insert(partition, next);
        }
        true
    }

    fn free(&mut self, member: Member) {
        self.owners.retain(|_, owner| *owner != member);
        let Self { moves, owners, .. } = self;
        moves.retain(|partition, _| owners.contains_key(partition));
    }

    /// Distributes the partitions evenly with as few moves as possible, and begins a generation.
    fn rebalance(&mut self, partitions: u32) {
        self.generation += 1;
        if self.members.is_empty() {
            return;
        }
        let mut shares: BTreeMap<Member, BTreeSet<Partition>> =
            self.members.iter().map(|member| (*member, BTreeSet::new())).collect();
        let mut orphans = Vec::new();
        for partition in (0..partitions).map(Partition) {
            let wanted = self.moves.get(&partition).or_else(|| self.owners.get(&partition));
            match wanted.and_then(|member| shares.get_mut(member)) {
                Some(share) => _ = share.insert(partition),
                None => orphans.push(partition),
            }
        }
        for partition in orphans {
            if let Some(share) = smallest(&mut shares) {
                share.insert(partition);
            }
        }
        while let Some(partition) = excess(&shares) {
            shares.values_mut().for_each(|share| _ = share.remove(&partition));
            if let Some(share) = smallest(&mut shares) {
                share.insert(partition);
            }
        }
        for (member, share) in shares {
            for partition in share {
                self.want(partition, member);
            }
        }
    }

    fn want(&mut self, partition: Partition, member: Member) {
        let owner = self.owners.get(&partition).copied();
        let view = owner.and_then(|owner| self.views.get(&owner));
        let received = view.is_some_and(|view| view.assigned.contains(&partition));
        if owner == Some(member) {
            self.moves.remove(&partition);
            // A member that has received the revocation releases the partition, and may get it again.
        } else if received {
            self.moves.insert(partition, member);
        } else {
            self.moves.remove(&partition);
            self.owners.insert(partition, member);
        }
    }
}

fn smallest(shares: &mut BTreeMap<Member, BTreeSet<Partition>>) -> Option<&mut BTreeSet<Partition>> {
    shares.values_mut().min_by_key(|share| share.len())
}

/// A partition of the largest share, if that share is too large.
fn excess(shares: &BTreeMap<Member, BTreeSet<Partition>>) -> Option<Partition> {
    let fewest = shares.values().map(BTreeSet::len).min()?;
    let largest = shares.values().max_by_key(|share| share.len())?;
    if largest.len() > fewest + 1 { largest.last().copied() } else { None }
}
