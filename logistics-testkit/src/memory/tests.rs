use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use super::*;
use crate::executor::{block_on, both, poll_once, yield_now};
use crate::sample;
use logistics_core::lifecycle::Status;
use logistics_core::port::{
    Clock, CommitOutcome, EventBus, GroupEvent, Membership, NewRecord, OrderReader, OwnerStore,
    PortErrorKind, ReadLimit, StoreWrite, Token, Topic, Transaction, WriteOutcome,
};
use logistics_core::{Offset, Partition, RequestId, RequestOutcome, Timestamp, Version};

const P: Partition = Partition(0);
const PLENTY: ReadLimit = ReadLimit { records: 10_000, bytes: usize::MAX };

struct Fixed(Timestamp);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn bus(partitions: u32, faults: Faults) -> MemoryBus {
    MemoryBus::with_faults(partitions, faults, Arc::new(Fixed(sample::time(7))))
}

fn fact(n: u64) -> Transaction {
    let payload = Bytes::from(n.to_string());
    let record = NewRecord { topic: Topic::Orders, partition: P, key: None, payload };
    Transaction { records: vec![record], next: Offset(n) }
}

fn store_write(expected: Option<Token>, sequence: u64) -> StoreWrite {
    StoreWrite {
        partition: P,
        expected,
        next: Token { acquisition: 1, sequence },
        offset: Offset(sequence),
        answered: Offset(sequence),
        basis: Bytes::new(),
        documents: Vec::new(),
        outcomes: vec![(request(sequence), outcome(sequence))],
    }
}

fn request(n: u64) -> RequestId {
    sample::request_id(n)
}

fn outcome(n: u64) -> RequestOutcome {
    RequestOutcome::Happened { version: Version(n), status: Status::Placed }
}

/// Commits numbered facts until each is in the log, as a worker does: after an unknown outcome, it acquires again and reads
/// the log. Returns every outcome, and the numbers in the log.
async fn work(bus: &MemoryBus, facts: u64) -> (Vec<String>, Vec<u64>) {
    let member = loop {
        if let Ok(member) = bus.join().await {
            break member;
        }
    };
    let log = member.log(P);
    let mut outcomes = Vec::new();
    loop {
        await_assignment(&*member).await;
        if log.acquire().await.is_err() {
            continue;
        }
        let mut done = written(bus);
        while (done.len() as u64) < facts {
            let n = done.len() as u64;
            let outcome = log.commit(fact(n)).await.map_err(|error| error.kind());
            outcomes.push(format!("{outcome:?}"));
            if outcome != Ok(CommitOutcome::Committed) {
                break;
            }
            done.push(n);
        }
        if done.len() as u64 == facts {
            return (outcomes, written(bus));
        }
    }
}

/// Waits until the group assigns the partition to this member.
async fn await_assignment(member: &dyn Membership) {
    loop {
        match member.owns(P).await {
            Ok(true) => return,
            Ok(false) => _ = member.next().await,
            Err(error) => assert_eq!(error.kind(), PortErrorKind::Unavailable),
        }
    }
}

/// The numbers that can be read now.
fn written(bus: &MemoryBus) -> Vec<u64> {
    let batch = bus.with_broker(|broker| broker.read_committed(Topic::Orders, P, Offset(0), PLENTY));
    let records = batch.ok().flatten().map(|batch| batch.records).unwrap_or_default();
    let number = |payload: &Bytes| std::str::from_utf8(payload).ok().and_then(|text| text.parse().ok());
    records.iter().filter_map(|record| number(&record.payload)).collect()
}

#[test]
fn a_worker_commits_every_fact_exactly_once_under_any_fault() {
    let facts = 60;
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let bus =
            bus(1, Faults { commit_unknown: 150, fenced: 50, session_expired: 50, ..Faults::all(seed) });
        let (outcomes, numbers) = block_on(work(&bus, facts));
        assert_eq!(numbers, (0..facts).collect::<Vec<_>>(), "seed {seed}");
        seen.extend(outcomes);
    }
    let every = ["Err(Unavailable)", "Ok(Committed)", "Ok(Fenced)", "Ok(Unknown)"];
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), every, "every outcome came about");
}

#[test]
fn the_same_seed_repeats_a_run_and_another_one_does_not() {
    let run = |seed| {
        let bus = bus(1, Faults::all(seed));
        let outcomes = block_on(work(&bus, 50));
        (outcomes, bus.with_broker(|broker| broker.clone()))
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn without_faults_nothing_goes_wrong_and_records_have_their_time() {
    let bus = bus(1, Faults { unavailable_before: 1000, ..Faults::all(1) });
    let refused = block_on(bus.append(&sample::order_id(1), Bytes::new())).map_err(|error| error.kind());
    assert_eq!(refused, Err(PortErrorKind::Unavailable));
    bus.set_faults(Faults::none());
    let (outcomes, numbers) = block_on(work(&bus, 20));
    assert_eq!((outcomes, numbers.len()), (vec!["Ok(Committed)".to_owned(); 20], 20));
    let batch = bus.with_broker(|broker| broker.read_committed(Topic::Orders, P, Offset(0), PLENTY));
    let first = batch.ok().flatten().and_then(|batch| batch.records.first().cloned());
    assert_eq!(first.map(|record| record.at), Some(sample::time(7)));
}

#[test]
fn an_append_whose_answer_is_lost_is_in_the_log() {
    let bus = bus(1, Faults { unavailable_after: 1000, ..Faults::none() });
    let answer = block_on(bus.append(&sample::order_id(1), Bytes::from_static(b"in")));
    assert_eq!(answer.map_err(|error| error.kind()), Err(PortErrorKind::Unavailable));
    assert_eq!(bus.with_broker(|broker| broker.end(Topic::Orders, P)), Offset(1));
}

#[test]
fn a_commit_dropped_half_way_stays_open_until_the_next_acquisition() {
    // With every call slow, the first polls get as far as some step of the transaction.
    let bus = bus(1, Faults { slow: 1000, ..Faults::none() });
    let member = block_on(bus.join()).expect("nothing fails");
    assert_eq!(block_on(member.next()).expect("nothing fails"), GroupEvent::Assigned(vec![P]));
    let log = member.log(P);
    block_on(log.acquire()).expect("nothing fails");
    {
        let mut commit = pin!(log.commit(fact(0)));
        while !bus.with_broker(|broker| broker.is_open(P)) {
            assert!(poll_once(commit.as_mut()).is_none(), "the commit was over before it was open");
        }
    }
    bus.with_broker(|broker| broker.append(Topic::Orders, P, None, Bytes::from_static(b"behind it")));
    assert_eq!(bus.with_broker(|broker| broker.stable_end(Topic::Orders, P)), Offset(0));
    let refused = block_on(log.commit(fact(0))).map_err(|error| error.kind());
    assert_eq!(refused, Err(PortErrorKind::Refused), "without an acquisition nothing is committed");
    block_on(log.acquire()).expect("nothing fails");
    let batch = block_on(log.read(Offset(0), PLENTY)).expect("nothing fails");
    assert_eq!(batch.records.len(), 1);
    assert_eq!(batch.records[0].payload, "behind it");
}

#[test]
fn a_member_whose_session_expired_receives_its_losses_and_gets_its_partitions_again() {
    let bus = MemoryBus::new(2);
    let both_of = vec![Partition(0), Partition(1)];
    block_on(async {
        let member = bus.join().await.expect("nothing fails");
        assert_eq!(member.next().await.expect("nothing fails"), GroupEvent::Assigned(both_of.clone()));
        let mut next = Box::pin(member.next());
        assert!(poll_once(next.as_mut()).is_none());
        let expire = async {
            yield_now().await;
            bus.with_broker(|broker| broker.expire(crate::Member(0)));
        };
        let (event, ()) = both(next, expire).await;
        assert_eq!(event.expect("nothing fails"), GroupEvent::Lost(both_of.clone()));
        assert!(!member.owns(P).await.expect("nothing fails"));
        assert_eq!(member.next().await.expect("nothing fails"), GroupEvent::Assigned(both_of.clone()));
        member.leave().await.expect("nothing fails");
        let closed = member.next().await.map_err(|error| error.kind());
        assert_eq!(closed, Err(PortErrorKind::Closed));
    });
}

#[test]
fn one_change_wakes_every_waiting_task_and_a_cancelled_wait_does_no_harm() {
    let bus = MemoryBus::new(1);
    let read = AtomicU32::new(0);
    let reader = async {
        let mut tail = bus.tail(Topic::Orders, P, Offset(0)).await.expect("nothing fails");
        tail.next(PLENTY).await.expect("nothing fails");
        read.fetch_add(1, Ordering::Relaxed);
    };
    let other = async {
        let mut tail = bus.tail(Topic::Orders, P, Offset(0)).await.expect("nothing fails");
        assert!(poll_once(pin!(tail.next(PLENTY))).is_none());
        tail.next(PLENTY).await.expect("nothing fails");
        read.fetch_add(1, Ordering::Relaxed);
    };
    let writer = async {
        yield_now().await;
        bus.append(&sample::order_id(1), Bytes::new()).await.expect("nothing fails");
    };
    block_on(both(both(reader, other), writer));
    assert_eq!(read.into_inner(), 2);
}

#[test]
fn a_failed_store_write_is_applied_at_once_or_later_or_never() {
    let (mut late, mut lost, mut written) = (0, 0, 0);
    for seed in 0..60 {
        let faults = Faults { seed, store_held_back: 500, unavailable_after: 500, ..Faults::none() };
        let store = MemoryOrderStore::with_faults(1, faults);
        let answer = block_on(store.write(store_write(None, 1)));
        let there = || store.with_store(|store| store.token(P).is_some());
        match (answer.is_ok(), there()) {
            (true, there) => assert!(there, "an answered write is stored"),
            (false, true) => written += 1,
            (false, false) => {
                store.set_faults(Faults::none());
                while store.with_store(|store| !store.held().is_empty()) {
                    block_on(store.load(P, &[])).expect("nothing fails any more");
                }
                if there() { late += 1 } else { lost += 1 }
            }
        }
    }
    assert!(late > 0 && lost > 0 && written > 0, "late {late}, lost {lost}, written {written}");
}

#[test]
fn the_token_shows_that_a_store_was_wiped_or_restored() {
    let (mut wiped, mut restored) = (0, 0);
    for seed in 0..20 {
        let store = MemoryOrderStore::with_faults(
            1,
            Faults { seed, store_wiped: 30, store_restored: 30, ..Faults::none() },
        );
        let mut expected = None;
        for sequence in 1..100 {
            let write = store_write(expected, sequence);
            match block_on(store.write(write)).expect("this store never fails") {
                WriteOutcome::Applied => expected = Some(Token { acquisition: 1, sequence }),
                WriteOutcome::Mismatch => {
                    let token = store.with_store(|store| store.token(P));
                    assert_ne!(token, expected, "a mismatch has its reason");
                    if token.is_none() {
                        wiped += 1
                    } else {
                        restored += 1
                    }
                    expected = token;
                }
            }
        }
    }
    assert!(wiped > 0 && restored > 0, "wiped {wiped}, restored {restored}");
}

#[test]
fn an_outcome_wakes_its_waiters() {
    let store = MemoryOrderStore::new(1);
    let (id, request) = (sample::order_id(1), request(1));
    let waiting = store.outcome(&id, &request);
    let (found, written) = block_on(both(waiting, store.write(store_write(None, 1))));
    assert_eq!(found.expect("nothing fails"), outcome(1));
    assert_eq!(written.expect("nothing fails"), WriteOutcome::Applied);
    store.with_store(crate::MemoryStore::expire_outcomes);
    let mut again = Box::pin(store.outcome(&id, &request));
    assert!(poll_once(again.as_mut()).is_none());
}
