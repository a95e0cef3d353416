//! Inputs that no log key signed.

use super::*;
use crate::port::Header;
use crate::processor::ProducerRoles;
use crate::wire::LogKeys;

const REFUSED: &str =
    "the input is not signed with the log key, and --log-producer-roles does not permit operator";

fn keys(bytes: &[u8]) -> LogKeys {
    LogKeys::new(&bytes.iter().map(|byte| [*byte; 32]).collect::<Vec<_>>()).expect("keys")
}

fn keyed(roles: ProducerRoles) -> Settings {
    Settings { log_keys: Some(keys(&[1])), producer_roles: roles, ..Settings::new(1, Policy::manual()) }
}

fn confirm() -> Command {
    Command::Transition { to: Status::Confirmed }
}

/// Appends a request of an operator, or a customer's placement, signed by these keys.
fn ask_signed(partition: &mut TestPartition, keys: &LogKeys, name: &str, command: Command) {
    partition.ask(name, command);
    let record = partition.log.last_mut().expect("it was appended");
    record.payload = keys.sign_input(HERE, &record.payload);
}

fn start(partition: &mut TestPartition, settings: Settings) -> Processor {
    let mut processor = Processor::new(HERE, settings, partition.now);
    partition.settle(&mut processor);
    assert_eq!(processor.phase(), &Phase::Live);
    processor
}

/// A replay from the log alone, with these settings: it decides nothing that was decided.
fn replay_changes_nothing(partition: &mut TestPartition, settings: Settings) {
    let (end, documents) = (partition.log.len(), std::mem::take(&mut partition.documents));
    (partition.checkpoint, partition.timers) = (None, BTreeMap::new());
    start(partition, settings);
    assert_eq!((partition.log.len(), &partition.documents), (end, &documents));
}

fn dead_letter_codes(partition: &TestPartition) -> Vec<&'static str> {
    let code = |event: &ProcessorEvent| match event {
        ProcessorEvent::DeadLettered { code, .. } => Some(code.code()),
        _ => None,
    };
    partition.events.iter().filter_map(code).collect()
}

fn dead_letter_reasons(partition: &TestPartition) -> Vec<String> {
    let reason = |event: &ProcessorEvent| match event {
        ProcessorEvent::DeadLettered { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    partition.events.iter().filter_map(reason).collect()
}

#[test]
fn an_unsigned_input_may_place_as_a_customer_and_a_signed_one_may_do_everything() {
    for live in [true, false] {
        let mut partition = TestPartition::default();
        let mut processor = live.then(|| start(&mut partition, keyed(ProducerRoles::default())));
        partition.place("a");
        partition.ask("a", confirm());
        partition.ask("a", Command::Cancel);
        ask_signed(&mut partition, &keys(&[2]), "a", Command::Cancel);
        ask_signed(&mut partition, &keys(&[1]), "a", confirm());
        let processor =
            processor.get_or_insert_with(|| start(&mut partition, keyed(ProducerRoles::default())));
        partition.settle(processor);
        assert_eq!(partition.dead_letters(), [1, 2, 3], "live: {live}");
        assert_eq!(dead_letter_reasons(&partition), [REFUSED; 3]);
        assert!(partition.others.contains(&(Topic::DeadLetters, HERE)));
        let a = partition.order("a");
        assert_eq!((a.status, a.version), (Status::Confirmed, Version(2)));
    }
}

#[test]
fn without_a_key_the_roles_have_no_effect() {
    let mut partition = TestPartition::default();
    let roles = ProducerRoles::none();
    let settings = Settings { producer_roles: roles, ..Settings::new(1, Policy::manual()) };
    let mut processor = start(&mut partition, settings);
    partition.place("a");
    partition.ask("a", confirm());
    partition.settle(&mut processor);
    assert_eq!((partition.order("a").version, partition.dead_letters().len()), (Version(2), 0));
}

#[test]
fn a_copy_of_a_signed_input_that_moved_its_order_changes_nothing() {
    let mut partition = TestPartition::default();
    let mut processor = start(&mut partition, keyed(ProducerRoles::none()));
    ask_signed(&mut partition, &keys(&[1]), "a", Command::Place(Placement::default()));
    ask_signed(&mut partition, &keys(&[1]), "a", confirm());
    let copies: Vec<Bytes> = partition.log.iter().map(|record| record.payload.clone()).collect();
    partition.settle(&mut processor);
    ask_signed(&mut partition, &keys(&[1]), "a", Command::Transition { to: Status::Preparing });
    partition.settle(&mut processor);
    let before = partition.order("a");
    copies.into_iter().for_each(|copy| partition.append(copy));
    partition.settle(&mut processor);
    assert_eq!((partition.order("a"), partition.dead_letters().len()), (before, 0));
}

/// The signature covers the payload alone, and the attributes of an event in binary mode are headers.
#[test]
fn headers_around_a_signed_payload_make_it_unsigned() {
    let mut partition = TestPartition::default();
    let mut processor = start(&mut partition, keyed(ProducerRoles::default()));
    partition.place("a");
    let data = r#"{"order_id":"a","status":"CONFIRMED","actor":"operator"}"#;
    partition.append(keys(&[1]).sign_input(HERE, &Bytes::from_static(data.as_bytes())));
    let attributes = [
        ("ce_specversion", "1.0"),
        ("ce_type", "logistics.order.transition.requested"),
        ("ce_source", "/elsewhere"),
        ("ce_id", "forged"),
    ];
    let header = |(name, value): (&str, &'static str)| Header {
        name: name.into(),
        value: Bytes::from_static(value.as_bytes()),
    };
    let forged = partition.log.last_mut().expect("it was appended");
    forged.headers = attributes.into_iter().map(header).collect();
    partition.settle(&mut processor);
    assert_eq!(dead_letter_reasons(&partition), [REFUSED]);
    assert_eq!(partition.order("a").version, Version(1));
}

#[test]
fn a_misplaced_input_keeps_its_signature_and_without_one_it_is_not_forwarded() {
    let named = |home| {
        let names = (0..).map(|n| format!("o{n}"));
        names.into_iter().find(|name| partition_of(&OrderId::parse(name).unwrap(), 2) == home).unwrap()
    };
    let elsewhere = named(Partition(1));
    let mut partition = TestPartition::default();
    let settings = Settings { partitions: 2, ..keyed(ProducerRoles::default()) };
    let mut processor = start(&mut partition, settings);
    partition.ask(&elsewhere, confirm());
    partition.settle(&mut processor);
    assert_eq!(dead_letter_reasons(&partition), [REFUSED]);
    assert!(!partition.others.contains(&(Topic::Orders, Partition(1))));
    partition.ask(&elsewhere, confirm());
    let record = partition.log.last_mut().expect("it was appended");
    record.payload = keys(&[1]).sign_input(Partition(1), &record.payload);
    partition.settle(&mut processor);
    assert_eq!(partition.dead_letters().len(), 1);
    assert!(partition.others.contains(&(Topic::Orders, Partition(1))));
}

#[test]
fn what_was_answered_is_never_judged_again_with_other_roles_or_keys() {
    let other_keys = Settings { log_keys: Some(keys(&[9, 1])), ..keyed(ProducerRoles::none()) };
    let unkeyed = Settings::new(1, Policy::manual());
    let all = [keyed(ProducerRoles::none()), keyed(ProducerRoles::any()), other_keys, unkeyed];
    for (first, accepted) in all.iter().zip([false, true, false, true]) {
        let mut partition = TestPartition::default();
        let mut processor = start(&mut partition, first.clone());
        ask_signed(&mut partition, &keys(&[1]), "a", Command::Place(Placement::default()));
        partition.ask("a", confirm());
        partition.settle(&mut processor);
        assert_eq!(partition.dead_letters().is_empty(), accepted);
        for second in &all {
            replay_changes_nothing(&mut partition, second.clone());
        }
    }
}

#[test]
fn what_waits_is_judged_by_the_owner_that_answers_it() {
    for (roles, dead) in [(ProducerRoles::default(), 1), (ProducerRoles::any(), 0)] {
        let mut partition = TestPartition::default();
        partition.place("a");
        partition.ask("a", confirm());
        start(&mut partition, keyed(roles));
        assert_eq!(partition.dead_letters().len(), dead);
        replay_changes_nothing(&mut partition, keyed(ProducerRoles::none()));
    }
}

#[test]
fn each_kind_of_dead_letter_has_its_code() {
    let mut partition = TestPartition::default();
    let mut processor = start(&mut partition, keyed(ProducerRoles::none()));
    let event = |more: &str| Bytes::from(format!(r#"{{"specversion":"1.0","source":"s","id":"i",{more}}}"#));
    let records = [
        (Bytes::from(vec![b' '; crate::limits::RECORD_BYTES_MAX + 1]), "too_long"),
        (Bytes::from_static(b"[]"), "not_json"),
        (Bytes::from_static(b"{}"), "not_an_event"),
        (
            event(r#""type":"logistics.order.place","dataschema":"urn:logistics:order:9""#),
            "unsupported_version",
        ),
        (Bytes::from_static(br#"{"order_id":""}"#), "invalid_field"),
        (Bytes::from_static(br#"{"order_id":"a","status":"PLACED"}"#), "unsigned"),
        (Bytes::from_static(br#"{"specversion":"1.0","source":"/logistics/processor","x":1}"#), "foreign"),
    ];
    for (record, _) in &records {
        partition.append(record.clone());
    }
    partition.settle(&mut processor);
    let expected: Vec<_> = records.iter().map(|(_, code)| *code).collect();
    assert_eq!(dead_letter_codes(&partition), expected, "{:?}", dead_letter_reasons(&partition));
    assert_eq!(DeadLetterCode::ALL.map(DeadLetterCode::code).as_slice(), expected, "every code has a record");
}
