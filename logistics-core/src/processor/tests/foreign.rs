//! Records that claim to be an owner's.

use super::*;
use crate::fact::{Cause, Change, Fact};
use crate::policy::DeadlineKind;
use crate::port::PortErrorKind;
use crate::wire::LogKeys;

fn outcome(answers: u64) -> Bytes {
    let outcome = Outcome {
        offset: Offset(answers),
        order_id: Some(OrderId::parse("a").unwrap()),
        request: Some(RequestId::parse("r").unwrap()),
        result: OutcomeKind::Unchanged { version: Version(1), status: Status::Placed },
    };
    wire::encode_outcome(&outcome, HERE, Timestamp::default())
}

fn fact(name: &str, version: u64, status: Status, answers: Option<u64>) -> Bytes {
    let request = RequestId::parse("r").unwrap();
    wire::encode_fact(&Fact {
        order_id: OrderId::parse(name).unwrap(),
        version: Version(version),
        status,
        change: if version == 1 { Change::Placed(Placement::default()) } else { Change::Moved },
        at: Timestamp::from_millis(2_000_000),
        actor: Actor::System,
        by: None,
        reason: None,
        cause: match answers {
            Some(answers) => Cause::Request { request, offset: Offset(answers) },
            None => Cause::Timer { timer: DeadlineKind::Advance, offset: Offset(0) },
        },
        deadline: None,
        attempts_left: None,
        trace: None,
    })
}

/// What follows is decided as if the record were not there, live and after a replay from the log alone.
fn changes_nothing(record: &Bytes) {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    let forged = partition.log.len() as u64;
    partition.append(record.clone());
    partition.ask("a", Command::Transition { to: Status::Confirmed });
    partition.place("b");
    partition.settle(&mut processor);
    assert_eq!(processor.phase(), &Phase::Live);
    check(&partition, forged);

    for lost_store in [false, true] {
        // A processor that was stopped meanwhile replays the record.
        let (mut partition, mut processor) = started(Policy::manual());
        partition.place("a");
        partition.settle(&mut processor);
        partition.append(record.clone());
        partition.ask("a", Command::Transition { to: Status::Confirmed });
        partition.place("b");
        if lost_store {
            (partition.checkpoint, partition.documents, partition.timers) =
                (None, BTreeMap::new(), BTreeMap::new());
        }
        restarted(&mut partition, Policy::manual());
        check(&partition, forged);
        // And once more, over its own outcomes.
        let documents = std::mem::take(&mut partition.documents);
        (partition.checkpoint, partition.timers) = (None, BTreeMap::new());
        let end = partition.log.len();
        restarted(&mut partition, Policy::manual());
        assert_eq!((partition.log.len(), &partition.documents), (end, &documents));
    }
}

fn check(partition: &TestPartition, forged: u64) {
    assert_eq!(partition.dead_letters(), [forged], "the record is a dead letter");
    assert!(partition.others.contains(&(Topic::DeadLetters, HERE)));
    let a = partition.order("a");
    assert_eq!((a.status, a.version), (Status::Confirmed, Version(2)));
    assert_eq!(partition.order("b").version, Version(1));
}

#[test]
fn an_outcome_that_answers_an_offset_ahead_skips_no_input() {
    changes_nothing(&outcome(999));
}

#[test]
fn an_outcome_that_answers_what_is_answered_is_a_dead_letter() {
    changes_nothing(&outcome(0));
}

#[test]
fn a_fact_that_does_not_continue_its_order_is_a_dead_letter() {
    changes_nothing(&fact("a", 7, Status::Delivered, None));
    changes_nothing(&fact("a", 1, Status::Placed, Some(0)));
    changes_nothing(&fact("a", 2, Status::Cancelled, Some(0)));
    changes_nothing(&fact("unknown", 3, Status::Delivered, None));
}

#[test]
fn a_fact_of_another_partitions_order_is_a_dead_letter() {
    let settings = Settings::new(2, Policy::manual());
    let elsewhere = (0..)
        .map(|n| format!("o{n}"))
        .find(|name| partition_of(&OrderId::parse(name).unwrap(), 2) == Partition(1))
        .unwrap();
    let mut partition = TestPartition::default();
    partition.append(fact(&elsewhere, 1, Status::Placed, None));
    let mut processor = Processor::new(HERE, settings, partition.now);
    partition.settle(&mut processor);
    assert_eq!(partition.dead_letters(), [0]);
    assert!(partition.documents.is_empty());
}

#[test]
fn a_copy_of_an_owners_record_is_a_dead_letter() {
    let (mut partition, mut processor) = started(Policy::simulate(100));
    partition.place("a");
    partition.settle(&mut processor);
    partition.pass(100);
    partition.settle(&mut processor);
    let copies: Vec<Bytes> = partition.log[1..].iter().map(|record| record.payload.clone()).collect();
    assert_eq!(copies.len(), 2, "the placement's fact and the timer's");
    let before = partition.order("a");
    copies.into_iter().for_each(|copy| partition.append(copy));
    partition.settle(&mut processor);
    assert_eq!(partition.dead_letters(), [3, 4]);
    assert_eq!(partition.order("a"), before);
    // A replay of the last stretch cannot tell the copy of a timer's fact from the fact, and believes the dead letter.
    for empty in [false, true] {
        if empty {
            (partition.checkpoint, partition.documents, partition.timers) =
                (None, BTreeMap::new(), BTreeMap::new());
        }
        let end = partition.log.len();
        restarted(&mut partition, Policy::simulate(100));
        assert_eq!((partition.log.len(), partition.order("a")), (end, before.clone()));
    }
}

#[test]
fn broken_bytes_of_an_owner_are_a_dead_letter_and_the_partition_goes_on() {
    let whole = fact("a", 2, Status::Confirmed, None);
    changes_nothing(&whole.slice(..whole.len() / 2));
    let text = String::from_utf8(whole.to_vec()).unwrap();
    changes_nothing(&Bytes::from(text.replace("logistics.order.confirmed", "logistics.order.vanished")));
    changes_nothing(&Bytes::from(text.replacen('{', "{ ", 1).replace("\"version\":2", "\"version\":\"x\"")));
}

#[test]
fn a_record_that_could_be_an_owners_proves_a_second_writer() {
    let plausible =
        [fact("a", 2, Status::Confirmed, None), outcome(2), fact("b", 1, Status::Placed, Some(2))];
    for record in plausible {
        let (mut partition, mut processor) = started(Policy::manual());
        partition.place("a");
        partition.settle(&mut processor);
        partition.place("b");
        partition.append(record);
        partition.settle(&mut processor);
        let Phase::Halted(reason) = processor.phase() else { panic!("{:?}", processor.phase()) };
        assert!(reason.contains("second group") && reason.contains("offset 3"), "{reason}");
        assert_eq!(partition.halt_code(), Some(HaltCode::SecondWriter));
    }
}

#[test]
fn an_owner_that_the_group_has_replaced_gives_the_partition_up_instead() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    partition.append(fact("a", 2, Status::Confirmed, None));
    partition.deliver_read(&mut processor);
    // The fact is judged when its order is at hand, which it is.
    let (call, effect) = processor.poll_effect(partition.now).expect("an effect");
    assert_eq!(effect, Effect::AskGroup);
    processor.handle(partition.now, call, Reply::Owned(Err(PortErrorKind::Unavailable)));
    partition.pass(processor.wake_in_ms(partition.now).expect("it asks again"));
    let (call, effect) = processor.poll_effect(partition.now).expect("an effect");
    assert_eq!(effect, Effect::AskGroup);
    processor.handle(partition.now, call, Reply::Owned(Ok(false)));
    assert_eq!(processor.phase(), &Phase::Dropped);
}

#[test]
fn a_record_is_never_judged_by_a_commit_that_is_not_known_to_have_succeeded() {
    // The commit's records are read back before its outcome is known, then the process dies.
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    partition.place("b");
    partition.deliver_read(&mut processor);
    let mut commit = None;
    while let Some((call, effect)) = processor.poll_effect(partition.now) {
        match effect {
            Effect::Commit(transaction) => {
                assert_eq!(partition.commit(transaction), CommitOutcome::Committed);
                commit = Some(call);
            }
            effect => {
                if let Some(reply) = partition.carry_out(call, effect) {
                    processor.handle(partition.now, call, reply);
                }
            }
        }
    }
    assert!(commit.is_some());
    // Its own records come by, and the store is written because the worker gives the partition up.
    partition.settle(&mut processor);
    processor.stop(partition.now, true);
    partition.settle(&mut processor);
    restarted(&mut partition, Policy::manual());
    assert_eq!(partition.order("b").version, Version(1));
    assert_eq!((partition.facts().len(), partition.dead_letters().len()), (2, 0));
}

fn keyed(byte: u8) -> Settings {
    let keys = LogKeys::new(&[[byte; 32]]).expect("a key");
    Settings { log_keys: Some(keys), ..Settings::new(1, Policy::manual()) }
}

#[test]
fn with_a_log_key_every_unsigned_record_is_a_dead_letter() {
    let newer = String::from_utf8(fact("a", 2, Status::Confirmed, None).to_vec()).unwrap();
    let newer = Bytes::from(newer.replace("order:1", "order:5"));
    let forged = [fact("a", 2, Status::Confirmed, None), outcome(2), newer];
    for record in forged {
        let mut partition = TestPartition::default();
        let mut processor = Processor::new(HERE, keyed(1), partition.now);
        partition.place("a");
        partition.settle(&mut processor);
        partition.append(record);
        partition.place("b");
        partition.settle(&mut processor);
        assert_eq!((processor.phase(), partition.dead_letters()), (&Phase::Live, vec![2]));
        // A replay agrees, also after a key rotation.
        (partition.checkpoint, partition.documents) = (None, BTreeMap::new());
        let rotated = LogKeys::new(&[[2; 32], [1; 32]]).expect("keys");
        let settings = Settings { log_keys: Some(rotated), ..Settings::new(1, Policy::manual()) };
        let mut processor = Processor::new(HERE, settings, partition.now);
        let end = partition.log.len();
        partition.settle(&mut processor);
        assert_eq!((processor.phase(), partition.log.len()), (&Phase::Live, end));
        assert_eq!(partition.order("a").version, Version(1));
    }
}

#[test]
fn a_log_from_before_the_key_is_read_and_from_the_first_signed_record_on_it_has_to_be_signed() {
    let (mut partition, mut processor) = started(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    drop(processor);
    (partition.checkpoint, partition.documents) = (None, BTreeMap::new());
    let mut processor = Processor::new(HERE, keyed(1), partition.now);
    partition.place("b");
    partition.settle(&mut processor);
    assert_eq!((partition.order("a").version, partition.order("b").version), (Version(1), Version(1)));
    partition.append(fact("a", 2, Status::Confirmed, None));
    partition.settle(&mut processor);
    assert_eq!(partition.dead_letters(), [4]);
}
