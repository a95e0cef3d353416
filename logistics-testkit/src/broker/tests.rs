use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use logistics_core::port::{CommitOutcome, GroupEvent, NewRecord, StartAt, SubscriptionEvent, Transaction};

const P: Partition = Partition(0);
const A: Member = Member(1);
const B: Member = Member(2);
const ALL: ReadLimit = ReadLimit { records: usize::MAX, bytes: usize::MAX };

fn record(topic: Topic, partition: Partition, text: &'static str) -> NewRecord {
    NewRecord { topic, partition, key: None, payload: Bytes::from_static(text.as_bytes()) }
}

fn fact(text: &'static str) -> NewRecord {
    record(Topic::Orders, P, text)
}

fn transaction(text: &'static str, next: u64) -> Transaction {
    Transaction { records: vec![fact(text)], next: Offset(next) }
}

fn input(broker: &mut Broker, text: &'static str) -> Offset {
    broker.append(Topic::Orders, P, None, Bytes::from_static(text.as_bytes()))
}

fn read(broker: &Broker, from: u64) -> Option<(Vec<(u64, String)>, u64)> {
    let batch = broker.read_committed(Topic::Orders, P, Offset(from), ALL).expect("the log is whole")?;
    let text = |record: logistics_core::port::LogRecord| {
        (record.offset.0, String::from_utf8(record.payload.to_vec()).expect("these tests write text"))
    };
    Some((batch.records.into_iter().map(text).collect(), batch.next.0))
}

fn texts(broker: &Broker) -> Vec<String> {
    read(broker, 0).map_or_else(Vec::new, |(records, _)| records.into_iter().map(|(_, text)| text).collect())
}

/// A broker of one partition whose owner is `A`, and `A`'s epoch.
fn owned() -> (Broker, Epoch) {
    let mut broker = Broker::new(1);
    broker.join(A);
    assert_eq!(broker.poll_group(A), Some(GroupEvent::Assigned(vec![P])));
    let epoch = broker.acquire(P);
    (broker, epoch)
}

#[test]
fn an_open_transaction_hides_itself_and_everything_behind_it_but_not_from_the_high_watermark() {
    let (mut broker, epoch) = owned();
    input(&mut broker, "in-0");
    broker.write(P, epoch, &[fact("fact-1")]).expect("the epoch is current");
    input(&mut broker, "in-2");
    assert_eq!(broker.end(Topic::Orders, P), Offset(3));
    assert_eq!(broker.stable_end(Topic::Orders, P), Offset(1));
    assert_eq!(read(&broker, 0), Some((vec![(0, "in-0".to_owned())], 1)));
    assert_eq!(read(&broker, 1), None);
    broker.send_offsets(P, epoch, A, Offset(1)).expect("the generation is current");
    assert_eq!(broker.commit(P, epoch, CommitFate::Answered), CommitOutcome::Committed);
    // The marker at 3 takes an offset and is not shown.
    assert_eq!(read(&broker, 1), Some((vec![(1, "fact-1".to_owned()), (2, "in-2".to_owned())], 4)));
    assert_eq!(broker.end(Topic::Orders, P), Offset(4));
    assert_eq!(broker.committed_offset(P), Some(Offset(1)));
}

#[test]
fn aborted_records_and_their_marker_keep_their_offsets_and_are_never_shown() {
    let (mut broker, epoch) = owned();
    broker.write(P, epoch, &[fact("never"), fact("ever")]).expect("the epoch is current");
    broker.abort(P, epoch).expect("the epoch is current");
    assert_eq!(read(&broker, 0), Some((vec![], 3)));
    assert_eq!(input(&mut broker, "in"), Offset(3));
    assert_eq!(read(&broker, 0), Some((vec![(3, "in".to_owned())], 4)));
    assert_eq!(broker.committed_offset(P), None);
}

#[test]
fn acquiring_aborts_the_open_transaction_of_the_predecessor_and_fences_each_of_its_steps() {
    let (mut broker, old) = owned();
    broker.write(P, old, &[fact("old")]).expect("the epoch is current");
    let new = broker.acquire(P);
    assert!(!broker.is_open(P));
    let before = broker.clone();
    assert_eq!(broker.write(P, old, &[fact("old")]), Err(Fenced));
    assert_eq!(broker.send_offsets(P, old, A, Offset(1)), Err(Fenced));
    assert_eq!(broker.commit(P, old, CommitFate::Answered), CommitOutcome::Fenced);
    assert_eq!(broker.abort(P, old), Err(Fenced));
    assert_eq!(broker, before, "a fenced worker changed something");
    assert_eq!(
        broker.commit_transaction(P, new, A, &transaction("new", 0), CommitFate::Answered),
        CommitOutcome::Committed
    );
    assert_eq!(texts(&broker), ["new"]);
}

#[test]
fn the_next_acquisition_settles_a_commit_with_an_unknown_outcome() {
    let outcome_of = |fate| {
        let (mut broker, epoch) = owned();
        let outcome = broker.commit_transaction(P, epoch, A, &transaction("fact", 7), fate);
        let visible_before = !texts(&broker).is_empty();
        let end = broker.end(Topic::Orders, P);
        broker.acquire(P);
        assert!(broker.end(Topic::Orders, P) >= end);
        (outcome, visible_before, !texts(&broker).is_empty(), broker.committed_offset(P))
    };
    let next = Some(Offset(7));
    assert_eq!(outcome_of(CommitFate::Answered), (CommitOutcome::Committed, true, true, next));
    assert_eq!(outcome_of(CommitFate::LostAfter), (CommitOutcome::Unknown, true, true, next));
    assert_eq!(outcome_of(CommitFate::LostMidway), (CommitOutcome::Unknown, false, true, next));
    assert_eq!(outcome_of(CommitFate::LostBefore), (CommitOutcome::Unknown, false, false, None));
    assert_eq!(outcome_of(CommitFate::TimedOut), (CommitOutcome::Unknown, false, false, None));
}

#[test]
fn a_decided_commit_cannot_be_aborted_and_the_broker_completes_it_by_itself() {
    let (mut broker, epoch) = owned();
    let outcome = broker.commit_transaction(P, epoch, A, &transaction("fact", 1), CommitFate::LostMidway);
    assert_eq!(outcome, CommitOutcome::Unknown);
    assert_eq!(broker.abort(P, epoch), Err(Fenced));
    assert!(texts(&broker).is_empty());
    broker.complete(P);
    assert_eq!(texts(&broker), ["fact"]);
    let after = broker.clone();
    broker.complete(P);
    broker.time_out(P);
    assert_eq!(broker, after, "there was nothing left to complete or to time out");
}

#[test]
fn a_zombie_is_stopped_by_its_generation_only_when_it_sends_offsets() {
    let (mut broker, _) = owned();
    broker.join(B);
    broker.expire(A);
    assert_eq!(broker.poll_group(B), Some(GroupEvent::Assigned(vec![P])));
    // The zombie has not received its loss, and can even take the partition's producer over.
    let zombie = broker.acquire(P);
    broker.write(P, zombie, &[fact("zombie")]).expect("a write checks the epoch only");
    assert_eq!(broker.send_offsets(P, zombie, A, Offset(1)), Err(Fenced));
    assert_eq!(
        broker.commit_transaction(P, zombie, A, &transaction("zombie", 1), CommitFate::Answered),
        CommitOutcome::Fenced
    );
    assert!(!broker.is_open(P), "a refused transaction is aborted");
    assert!(texts(&broker).is_empty());
    // The next exchange reports the loss. As a member again it passes the check of the generation, the only check.
    assert!(!broker.owns(A, P));
    assert_eq!(broker.poll_group(A), Some(GroupEvent::Lost(vec![P])));
    broker.join(A);
    assert_eq!(broker.poll_group(A), None);
    let zombie = broker.acquire(P);
    assert_eq!(broker.send_offsets(P, zombie, A, Offset(1)), Ok(()));
}

#[test]
fn commits_of_a_member_are_rejected_until_it_learns_the_new_generation() {
    let (mut broker, epoch) = owned();
    broker.join(B);
    assert_eq!(broker.send_offsets(P, epoch, A, Offset(1)), Err(Fenced));
    assert!(broker.owns(A, P), "the partition stayed where it was");
    assert_eq!(broker.send_offsets(P, epoch, A, Offset(1)), Ok(()));
}

#[test]
fn partitions_move_when_their_owner_gives_them_up_and_are_shared_evenly() {
    let all: Vec<_> = (0..5).map(Partition).collect();
    let mut broker = Broker::new(5);
    broker.join(A);
    assert_eq!(broker.poll_group(A), Some(GroupEvent::Assigned(all.clone())));
    broker.join(B);
    assert_eq!(broker.poll_group(B), None, "nothing is two members' at once");
    let moved = vec![Partition(3), Partition(4)];
    assert_eq!(broker.poll_group(A), Some(GroupEvent::Revoked(moved.clone())));
    assert_eq!(broker.poll_group(A), None);
    broker.release(A, &all);
    assert_eq!(broker.poll_group(B), Some(GroupEvent::Assigned(moved.clone())));
    assert!(moved.iter().all(|partition| broker.owns(B, *partition) && !broker.owns(A, *partition)));
    assert!(broker.owns(A, Partition(0)), "what was not revoked is not released");
    broker.leave(B);
    assert_eq!(broker.poll_group(A), Some(GroupEvent::Assigned(moved)));
}

#[test]
fn a_move_can_be_ordered_and_survives_the_target_leaving() {
    let (mut broker, _) = owned();
    broker.join(B);
    broker.move_partition(P, B);
    assert_eq!(broker.poll_group(A), Some(GroupEvent::Revoked(vec![P])));
    broker.leave(B);
    assert_eq!(broker.owner(P), Some(A), "the owner keeps the partition until it releases it");
    broker.release(A, &[P]);
    assert_eq!(broker.poll_group(A), Some(GroupEvent::Assigned(vec![P])));
}

#[test]
fn one_transaction_reaches_every_topic_and_other_partitions_at_once() {
    let mut broker = Broker::new(2);
    broker.join(A);
    let _ = broker.poll_group(A);
    let epoch = broker.acquire(P);
    let other = Partition(1);
    let records =
        [fact("fact"), record(Topic::Notifications, P, "told"), record(Topic::Orders, other, "forwarded")];
    broker.write(P, epoch, &records).expect("the epoch is current");
    let visible = |broker: &Broker, topic, partition| {
        broker.read_committed(topic, partition, Offset(0), ALL).expect("the log is whole").is_some()
    };
    let places = [(Topic::Orders, P), (Topic::Notifications, P), (Topic::Orders, other)];
    assert!(places.iter().all(|(topic, partition)| !visible(&broker, *topic, *partition)));
    assert_eq!(broker.commit(P, epoch, CommitFate::Answered), CommitOutcome::Committed);
    assert!(places.iter().all(|(topic, partition)| visible(&broker, *topic, *partition)));
}

#[test]
fn reads_respect_their_limits_and_the_start_of_the_log() {
    let mut broker = Broker::new(1);
    for text in ["aaaa", "bbbb", "cccc"] {
        input(&mut broker, text);
    }
    let read = |broker: &Broker, from, records, bytes| {
        broker
            .read_committed(Topic::Orders, P, Offset(from), ReadLimit { records, bytes })
            .map(|batch| batch.map(|batch| (batch.records.len(), batch.next.0)))
    };
    assert_eq!(read(&broker, 0, 2, 100), Ok(Some((2, 2))));
    assert_eq!(read(&broker, 0, 9, 9), Ok(Some((2, 2))));
    assert_eq!(read(&broker, 1, 0, 0), Ok(Some((1, 2))), "one record is read, however large");
    broker.truncate(Topic::Orders, P, Offset(2));
    assert_eq!(read(&broker, 1, 9, 100), Err(Truncated { start: Offset(2) }));
    assert_eq!(read(&broker, 2, 9, 100), Ok(Some((1, 3))));
    assert_eq!(broker.bounds(Topic::Orders, P), Bounds { start: Offset(2), end: Offset(3) });
}

const GROUP: &str = "group";

/// The next event of a reader, one record at a time: `Ok` with the next position for records, `Err` with any other event.
fn next_for(broker: &mut Broker, reader: Reader) -> Option<Result<u64, SubscriptionEvent>> {
    let one = ReadLimit { records: 1, bytes: usize::MAX };
    Some(match broker.deliver(Topic::Orders, GROUP, reader, one, &BTreeSet::new())? {
        SubscriptionEvent::Records(delivery) => Ok(delivery.batch.next.0),
        other => Err(other),
    })
}

#[test]
fn unacknowledged_records_are_delivered_to_the_next_reader_and_not_again_to_the_same() {
    let mut broker = Broker::new(1);
    for text in ["a", "b"] {
        input(&mut broker, text);
    }
    let (first, second) = (Reader(1), Reader(2));
    broker.join_readers(Topic::Orders, GROUP, first, StartAt::Start);
    let started = SubscriptionEvent::Started(vec![(P, Offset(0))]);
    assert_eq!(next_for(&mut broker, first), Some(Err(started)));
    assert_eq!(next_for(&mut broker, first), Some(Ok(1)));
    assert_eq!(next_for(&mut broker, first), Some(Ok(2)));
    assert_eq!(next_for(&mut broker, first), None);
    assert!(broker.acknowledge(Topic::Orders, GROUP, first, P, Offset(1)));
    broker.leave_readers(Topic::Orders, GROUP, first);
    broker.join_readers(Topic::Orders, GROUP, second, StartAt::End);
    assert!(!broker.acknowledge(Topic::Orders, GROUP, first, P, Offset(2)), "it is another's now");
    assert_eq!(next_for(&mut broker, second), Some(Ok(2)));
    assert_eq!(next_for(&mut broker, second), None);
}

#[test]
fn a_reader_whose_session_expired_loses_its_partitions_and_joins_again() {
    let mut broker = Broker::new(1);
    let (first, second) = (Reader(1), Reader(2));
    broker.join_readers(Topic::Orders, GROUP, first, StartAt::Start);
    while next_for(&mut broker, first).is_some() {}
    broker.join_readers(Topic::Orders, GROUP, second, StartAt::Start);
    broker.expire_reader(Topic::Orders, GROUP, first);
    input(&mut broker, "a");
    assert_eq!(next_for(&mut broker, second), Some(Ok(1)));
    assert!(!broker.acknowledge(Topic::Orders, GROUP, first, P, Offset(1)), "it is another's now");
    assert_eq!(next_for(&mut broker, first), Some(Err(SubscriptionEvent::Lost(vec![P]))));
    broker.leave_readers(Topic::Orders, GROUP, second);
    assert_eq!(next_for(&mut broker, first), Some(Ok(1)));
}

#[test]
fn a_reader_outside_of_the_log_is_moved_into_it() {
    let mut broker = Broker::new(1);
    for text in ["a", "b", "c"] {
        input(&mut broker, text);
    }
    let reader = Reader(1);
    broker.join_readers(Topic::Orders, GROUP, reader, StartAt::Start);
    while next_for(&mut broker, reader).is_some_and(|next| next.is_err()) {}
    broker.truncate(Topic::Orders, P, Offset(2));
    let moved = |from, to| SubscriptionEvent::Moved { partition: P, from: Offset(from), to: Offset(to) };
    assert_eq!(next_for(&mut broker, reader), Some(Err(moved(1, 2))));
    assert_eq!(next_for(&mut broker, reader), Some(Ok(3)));
    broker.leave_readers(Topic::Orders, GROUP, reader);
    broker.join_readers(Topic::Orders, GROUP, Reader(2), StartAt::Start);
    while next_for(&mut broker, Reader(2)).is_some_and(|next| next != Ok(3)) {}
    assert!(broker.acknowledge(Topic::Orders, GROUP, Reader(2), P, Offset(9)));
    broker.leave_readers(Topic::Orders, GROUP, Reader(2));
    broker.join_readers(Topic::Orders, GROUP, Reader(3), StartAt::Start);
    assert_eq!(next_for(&mut broker, Reader(3)), Some(Err(moved(9, 3))), "the log lost its end");
}

#[test]
fn expired_offsets_and_equal_states_are_plain_values() {
    let (mut broker, epoch) = owned();
    let commit = |broker: &mut Broker| {
        broker.commit_transaction(P, epoch, A, &transaction("fact", 3), CommitFate::Answered)
    };
    let mut twin = broker.clone();
    assert_eq!(
        (commit(&mut broker), commit(&mut twin)),
        (CommitOutcome::Committed, CommitOutcome::Committed)
    );
    assert_eq!(broker, twin);
    broker.expire_offsets();
    assert_eq!(broker.committed_offset(P), None);
    assert_ne!(broker, twin);
}
