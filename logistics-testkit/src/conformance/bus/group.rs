//! The group of processors.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;

use super::BusCase;
use super::steps::{HOME, strings};
use crate::executor::{First, race};
use logistics_core::port::{GroupEvent, Membership, Topic};
use logistics_core::{Offset, Partition};

pub(super) async fn the_only_member_gets_every_partition(case: BusCase) {
    let member = case.member().await;
    for partition in case.all_partitions() {
        case.same("owns", &case.works("owns", member.owns(partition)).await, &true);
    }
    case.waits("another event", member.next()).await;
    case.same("owns, after a cancelled wait", &case.works("owns", member.owns(HOME)).await, &true);
}

pub(super) async fn a_member_that_left_owns_nothing(case: BusCase) {
    let member = case.member().await;
    case.works("leave", member.leave()).await;
    let owns = case.soon("an answer", member.owns(HOME)).await;
    case.holds("a member that left owns nothing", !matches!(owns, Ok(true)));
}

pub(super) async fn a_process_that_left_can_join_again(case: BusCase) {
    for text in ["first", "second"] {
        let member = case.member().await;
        let log = case.acquired(&*member, HOME).await;
        case.commit(&*log, case.records(Topic::Orders, HOME, &[text]), Offset(0)).await;
        case.works("leave", member.leave()).await;
    }
    case.same("the orders", &case.texts(Topic::Orders, HOME, 2).await, &strings(&["first", "second"]));
}

pub(super) async fn the_partitions_of_a_dropped_member_are_given_out_again(case: BusCase) {
    let dropped = case.member().await;
    let old = case.acquired(&*dropped, HOME).await;
    drop(dropped);
    let member = case.member().await;
    let log = case.acquired(&*member, HOME).await;
    case.commit_in_vain(&*old, case.records(Topic::Orders, HOME, &["too late"])).await;
    case.commit(&*log, case.records(Topic::Orders, HOME, &["in time"]), Offset(0)).await;
    case.same("the orders", &case.texts(Topic::Orders, HOME, 1).await, &strings(&["in time"]));
}

pub(super) async fn two_members_share_the_partitions(case: BusCase) {
    let mut first = Side { member: case.member().await, partitions: case.all_partitions() };
    let log = case.acquired(&*first.member, HOME).await;
    case.commit(&*log, case.records(Topic::Orders, HOME, &["one"]), Offset(0)).await;
    let member = case.works("join", case.bus().join()).await;
    let mut second = Side { member, partitions: BTreeSet::new() };
    while !shared(&case, &first, &second) {
        let event = case.soon("an even share", race(first.member.next(), second.member.next())).await;
        match event {
            First::Left(event) => first.on_event(&case, event).await,
            First::Right(event) => second.on_event(&case, event).await,
        }
    }
    for partition in case.all_partitions() {
        for side in [&first, &second] {
            let owns = case.works("owns", side.member.owns(partition)).await;
            case.same("owns, and what was assigned", &owns, &side.partitions.contains(&partition));
        }
    }
    hand_over(&case, &first, &second).await;
    case.works("leave", second.member.leave()).await;
    while first.partitions != case.all_partitions() {
        let event = case.soon("the partitions of the other member", first.member.next()).await;
        first.on_event(&case, event).await;
    }
}

pub(super) async fn a_member_without_partitions_receives_an_empty_assignment(case: BusCase) {
    let mut sides = Vec::new();
    for _ in 0..=case.all_partitions().len() {
        let member = case.works("join", case.bus().join()).await;
        sides.push(Side { member, partitions: BTreeSet::new() });
        let mut joined = false;
        while !joined {
            let (place, event) = case.soon("the first event of a member that joined", first_of(&sides)).await;
            joined = place == sides.len() - 1 && event.is_ok();
            sides[place].on_event(&case, event).await;
        }
    }
    let owned: usize = sides.iter().map(|side| side.partitions.len()).sum();
    case.holds("no partition is with two of them", owned <= case.all_partitions().len());
}

/// The first event of any of them.
async fn first_of(sides: &[Side]) -> (usize, Result<GroupEvent, logistics_core::port::PortError>) {
    let mut waits: Vec<_> = sides.iter().map(|side| side.member.next()).collect();
    poll_fn(|context| {
        let event =
            waits.iter_mut().enumerate().find_map(|(place, wait)| match wait.as_mut().poll(context) {
                Poll::Ready(event) => Some((place, event)),
                Poll::Pending => None,
            });
        event.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Only the second member can commit in the partitions that moved to it.
async fn hand_over(case: &BusCase, first: &Side, second: &Side) {
    for partition in second.partitions.iter().copied() {
        let old = case.acquired(&*first.member, partition).await;
        let new = case.acquired(&*second.member, partition).await;
        case.commit_in_vain(&*old, case.records(Topic::DeadLetters, partition, &["too late"])).await;
        case.commit(&*new, case.records(Topic::DeadLetters, partition, &["in time"]), Offset(0)).await;
        let found = case.texts(Topic::DeadLetters, partition, 1).await;
        case.same("what was committed", &found, &strings(&["in time"]));
    }
}

struct Side {
    member: Box<dyn Membership>,
    partitions: BTreeSet<Partition>,
}

impl Side {
    async fn on_event(&mut self, case: &BusCase, event: Result<GroupEvent, logistics_core::port::PortError>) {
        match event {
            Ok(GroupEvent::Assigned(partitions)) => self.partitions.extend(partitions),
            Ok(GroupEvent::Revoked(partitions)) => {
                self.partitions.retain(|partition| !partitions.contains(partition));
                case.works("release", self.member.release(&partitions)).await;
            }
            Ok(GroupEvent::Lost(partitions)) => {
                self.partitions.retain(|partition| !partitions.contains(partition));
            }
            Err(error) => {
                case.holds(&format!("only a retryable error comes ({error})"), error.kind().is_retryable());
            }
        }
    }
}

/// Each member has partitions, together they have all, and none is with both.
fn shared(case: &BusCase, first: &Side, second: &Side) -> bool {
    let union: BTreeSet<_> = first.partitions.union(&second.partitions).copied().collect();
    let disjoint = first.partitions.is_disjoint(&second.partitions);
    disjoint
        && union == case.all_partitions()
        && !first.partitions.is_empty()
        && !second.partitions.is_empty()
}
