mod evidence;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::*;
use crate::decide::{Decision, decide};
use crate::lifecycle::Actor;
use crate::outcome::{Outcome, OutcomeKind};
use crate::policy::Policy;
use crate::rejection::Rejection;
use crate::request::{Command, Placement};
use evidence::{Evidence, HonestSystem, PARTITIONS, home, id};

/// Orders on every path, requests of every outcome, and two orders that wait.
fn system() -> HonestSystem {
    let mut system = HonestSystem::new(Policy::manual());
    let to = |to| Command::Transition { to };
    system.garbage(0);
    for n in 0..6 {
        system.place(&format!("o{n}"));
    }
    system.place("o0");
    system.ask("o0", Actor::Merchant, to(Status::Confirmed));
    system.ask("o0", Actor::Merchant, to(Status::Confirmed));
    system.ask("o0", Actor::Customer, to(Status::Preparing));
    system.ask("o0", Actor::Operator, to(Status::Delivered));
    system.ask("absent", Actor::Operator, Command::Cancel);
    system.ask("o1", Actor::Customer, Command::Cancel);
    for status in [Status::Confirmed, Status::Preparing, Status::OutForDelivery, Status::Delivered] {
        system.ask("o2", Actor::Operator, to(status));
    }
    let other = (0..PARTITIONS as usize).find(|partition| *partition != home("moved")).unwrap();
    system.misplaced("moved", other);
    // An order without an acceptance expires; o0 is late in CONFIRMED, o7 waits.
    system.pass(10 * 60_000);
    system.place("o7");
    system
}

fn clean() -> Evidence {
    system().evidence()
}

/// The evidence is at fault in the way that the test meant, and says about which order.
#[track_caller]
fn assert_broken(evidence: &Evidence, invariant: Invariant, order: Option<&str>, says: &str) {
    let violation = evidence.audit(Expect::AtRest).unwrap_err();
    assert_eq!(violation.invariant, invariant, "{violation}");
    assert_eq!(violation.order, order.map(id), "{violation}");
    assert!(violation.to_string().contains(says), "{violation}");
}

fn last_of<'a>(logs: &'a mut [evidence::Log], name: &str) -> &'a mut evidence::Log {
    &mut logs[home(name)]
}

/// The index of the record of this order that holds the text.
fn find(log: &evidence::Log, name: &str, text: &str) -> usize {
    let mine = |payload: &[u8]| {
        let payload = String::from_utf8_lossy(payload);
        payload.contains(&format!("\"{name}\"")) && payload.contains(text)
    };
    log.records.iter().position(|record| mine(&record.payload)).unwrap()
}

fn holds(log: &evidence::Log, text: &str) -> bool {
    log.records.iter().any(|record| String::from_utf8_lossy(&record.payload).contains(text))
}

#[test]
fn a_clean_system_passes_and_is_counted() {
    let report = clean().audit(Expect::AtRest).unwrap();
    assert_eq!((report.inputs, report.unanswered), (21, 0));
    let OutcomeCounts { happened, unchanged, rejected, forwarded, dead_lettered } = report.outcomes;
    assert_eq!((happened, unchanged, rejected, forwarded, dead_lettered), (14, 2, 3, 1, 1));
    assert_eq!((report.orders, report.terminal_orders, report.documents), (8, 6, 8));
    assert_eq!((report.facts, report.late_facts, report.notifications), (19, 1, 19));
    assert_eq!(report.facts_by_status[&Status::Placed], 8);
    assert_eq!(report.orders_by_status[&Status::Expired], 4);
    assert_eq!(report.timers, 1);
    assert_eq!(clean().audit(Expect::InMotion).unwrap(), report);
    assert_eq!(Audit::new(PARTITIONS, Expect::AtRest).finish().unwrap(), Report::default());
}

#[test]
fn the_audit_over_the_ports_is_the_same_and_never_waits_at_the_end() {
    let evidence = clean();
    let all = at_once(run(&evidence, &evidence, Expect::AtRest)).unwrap();
    assert_eq!(all, evidence.audit(Expect::AtRest).unwrap());
    let log = at_once(run_log(&evidence, Expect::AtRest)).unwrap();
    assert_eq!((log.facts, log.documents), (all.facts, 0));
    let mut broken = evidence;
    Evidence::drop_last(last_of(&mut broken.notifications, "o7"));
    let error = at_once(run(&broken, &broken, Expect::AtRest)).unwrap_err();
    assert!(matches!(error, AuditError::Violation(v) if v.invariant == Invariant::I9));
}

/// The result of a future that has nothing to wait for.
#[track_caller]
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("it waits for records that are not there"),
    }
}

#[test]
fn i1_a_duplicated_or_missing_fact() {
    let mut twice = clean();
    // o2 is terminal, so its log could end with any of its facts.
    let log = last_of(&mut twice.orders, "o2");
    let index = find(log, "o2", "logistics.order.delivered");
    let mut copy = log.records[index].clone();
    // A timer's fact answers no input, so only the version can give it away.
    let text = String::from_utf8(copy.payload.to_vec()).unwrap();
    let (before, after) = text.split_once("\"cause\":{").unwrap();
    let after = after.split_once('}').unwrap().1;
    copy.payload = format!("{before}\"cause\":{{\"timer\":\"advance\",\"offset\":0}}{after}").into();
    copy.offset = Offset(log.end);
    log.end += 1;
    log.records.push(copy);
    assert_broken(&twice, Invariant::I1, Some("o2"), "a fact has version 5, the order's next is 6");

    let mut gap = clean();
    let log = last_of(&mut gap.orders, "o0");
    let index = find(log, "o0", "logistics.order.late");
    Evidence::rewrite(log, index, "\"version\":3", "\"version\":4");
    assert_broken(&gap, Invariant::I1, Some("o0"), "a fact has version 4, the order's next is 3");
}

#[test]
fn i1_a_fact_in_a_foreign_partition_or_under_a_foreign_key() {
    let mut evidence = clean();
    let log = last_of(&mut evidence.orders, "o7");
    let mut fact = log.records.pop().unwrap();
    fact.key = Some("o8".into());
    log.records.push(fact.clone());
    assert_broken(&evidence, Invariant::I1, Some("o7"), "key");
    fact.key = Some("o7".into());
    fact.offset = Offset(1000);
    let other = (home("o7") + 1) % PARTITIONS as usize;
    evidence.orders[home("o7")].records.pop();
    evidence.orders[other].records.push(fact);
    // The partition before it or behind it shows it first, as the input without an outcome or as the foreign fact.
    let violation = evidence.audit(Expect::AtRest).unwrap_err();
    assert_eq!(violation.invariant, Invariant::I1, "{violation}");
}

#[test]
fn i2_an_input_with_two_outcomes_or_none() {
    let mut twice = clean();
    let log = last_of(&mut twice.orders, "absent");
    let index = find(log, "absent", "request.rejected");
    let mut copy = log.records[index].clone();
    copy.offset = Offset(log.end);
    log.end += 1;
    log.records.push(copy);
    assert_broken(&twice, Invariant::I2, Some("absent"), "second outcome");

    let mut none = clean();
    let log = last_of(&mut none.orders, "o7");
    let mut input = log.records[log.records.len() - 2].clone();
    input.offset = Offset(log.end);
    log.records.push(input);
    log.end += 1;
    assert_broken(&none, Invariant::I2, None, "has no outcome");
    let report = none.audit(Expect::InMotion).unwrap();
    assert_eq!(report.unanswered, 1);
}

#[test]
fn i2_an_outcome_that_does_not_fit_its_input() {
    let mut evidence = clean();
    let log = last_of(&mut evidence.orders, "o1");
    let index = find(log, "o1", "logistics.order.cancelled");
    let text = String::from_utf8(log.records[index].payload.to_vec()).unwrap();
    let request = text.split("\"request\":\"").nth(1).unwrap().split('"').next().unwrap();
    Evidence::rewrite(log, index, &format!("\"request\":\"{request}\""), "\"request\":\"another\"");
    assert_broken(&evidence, Invariant::I2, Some("o1"), "names request another");

    let mut other = clean();
    let log = last_of(&mut other.orders, "o2");
    let index = find(log, "o2", "transition.requested");
    Evidence::rewrite(log, index, "\"status\":\"CONFIRMED\"", "\"status\":\"PREPARING\"");
    assert_broken(&other, Invariant::I2, Some("o2"), "is CONFIRMED, it asked for PREPARING");

    let mut astray = clean();
    let log = astray.orders.iter_mut().find(|log| holds(log, "request.forwarded")).unwrap();
    let index = find(log, "moved", "request.forwarded");
    let to = format!("\"to\":{}", home("moved"));
    Evidence::rewrite(log, index, &to, "\"to\":77");
    assert_broken(&astray, Invariant::I2, Some("moved"), "forwards it to partition 77");

    // An owner that decides what is not its own.
    let mut system = system();
    let elsewhere = (home("stray") + 1) % PARTITIONS as usize;
    let request = system.request("stray", Actor::Operator, Command::Cancel);
    let offset = system.input(elsewhere, &request);
    let (order_id, request) = (Some(request.order_id), Some(request.id));
    let result = OutcomeKind::Rejected(Rejection::NotFound);
    system.outcome(elsewhere, Outcome { offset, order_id, request, result });
    assert_broken(&system.evidence(), Invariant::I2, Some("stray"), "its order belongs to partition");
}

#[test]
fn i3_an_input_that_was_passed_over() {
    let mut skipped = clean();
    let log = last_of(&mut skipped.orders, "absent");
    let index = find(log, "absent", "request.rejected");
    log.records.remove(index);
    // A later input of the partition is answered, so that this one never will be.
    let violation = skipped.audit(Expect::InMotion).unwrap_err();
    assert_eq!(violation.invariant, Invariant::I3, "{violation}");

    let mut evidence = clean();
    Evidence::drop_last(last_of(&mut evidence.orders, "o7"));
    Evidence::drop_last(last_of(&mut evidence.notifications, "o7"));
    let violation = evidence.audit(Expect::InMotion).unwrap_err();
    assert_eq!(violation.invariant, Invariant::I3, "{violation}");
    assert!(violation.to_string().contains("the store says"), "{violation}");
}

#[test]
fn i3_a_timer_that_overtook_an_input() {
    let mut system = system();
    let request = system.request("o7", Actor::Customer, Command::Cancel);
    system.input(home("o7"), &request);
    system.pass(10 * 60_000);
    let violation = system.evidence().audit(Expect::InMotion).unwrap_err();
    assert_eq!((violation.invariant, &violation.order), (Invariant::I3, &Some(id("o7"))), "{violation}");
    assert!(violation.to_string().contains("a timer fired"), "{violation}");
}

#[test]
fn the_lifecycle_is_held_to_step_by_step() {
    let change = |name: &str, text: &str, from: &str, to: &str| {
        let mut evidence = clean();
        let log = last_of(&mut evidence.orders, name);
        let index = find(log, name, text);
        Evidence::rewrite(log, index, from, to);
        evidence
    };
    let courier = change("o2", "order.confirmed", "\"actor\":\"operator\"", "\"actor\":\"courier\"");
    assert_broken(
        &courier,
        Invariant::Lifecycle,
        Some("o2"),
        "courier moved it from PLACED to CONFIRMED, which the lifecycle does not allow",
    );
    let back = change("o2", "order.preparing\"", "\"time\":\"20", "\"time\":\"19");
    assert_broken(&back, Invariant::Lifecycle, Some("o2"), "before CONFIRMED");
    let mut tired = HonestSystem::new(Policy::manual());
    tired.place("t");
    use Status::{Confirmed, DeliveryFailed, OutForDelivery, Preparing};
    for to in [Confirmed, Preparing, OutForDelivery, DeliveryFailed, OutForDelivery] {
        tired.ask("t", Actor::Operator, Command::Transition { to });
    }
    let mut tired = tired.evidence();
    let log = last_of(&mut tired.orders, "t");
    let index = find(log, "t", "order.delivery-failed");
    Evidence::rewrite(log, index, "\"attempts_left\":2", "\"attempts_left\":0");
    assert_broken(&tired, Invariant::Lifecycle, Some("t"), "goes out again after 1 attempts, which were all");
    let late = change("o0", "logistics.order.late", "\"status\":\"CONFIRMED\"", "\"status\":\"PREPARING\"");
    assert_broken(&late, Invariant::Lifecycle, Some("o0"), "late in PREPARING");
}

#[test]
fn i6_a_document_that_no_prefix_of_the_facts_makes() {
    let mut foreign = clean();
    let document = foreign.document_mut("o2");
    let text = String::from_utf8(document.to_vec()).unwrap();
    *document = text.replace("\"actor\":\"operator\"", "\"actor\":\"courier\"").into();
    assert_broken(&foreign, Invariant::I6, Some("o2"), "not what the first 5 facts make");

    let mut ahead = clean();
    Evidence::drop_last(last_of(&mut ahead.notifications, "o7"));
    let log = last_of(&mut ahead.orders, "o7");
    log.records.truncate(log.records.len() - 2);
    log.end += 10;
    assert_broken(&ahead, Invariant::I6, Some("o7"), "the log has 0 facts");

    let mut garbage = clean();
    *garbage.document_mut("o2") = "{}".into();
    assert_broken(&garbage, Invariant::I6, None, "not an order's");
}

#[test]
fn i7_a_checkpoint_beyond_the_log() {
    let mut evidence = clean();
    let checkpoint = evidence.recoveries[1].checkpoint.as_mut().unwrap();
    let honest = std::mem::replace(&mut checkpoint.offset, Offset(10_000));
    assert_broken(&evidence, Invariant::I7, None, "the log ends at");
    let checkpoint = evidence.recoveries[1].checkpoint.as_mut().unwrap();
    (checkpoint.offset, checkpoint.answered) = (honest, Offset(10_000));
    assert_broken(&evidence, Invariant::I7, None, "answered 10000");
}

#[test]
fn i8_a_refusal_that_the_log_does_not_bear_out() {
    let mut evidence = clean();
    let log = last_of(&mut evidence.orders, "o0");
    let index = find(log, "o0", "not_permitted");
    Evidence::rewrite(log, index, "\"current\":\"CONFIRMED\"", "\"current\":\"PLACED\"");
    assert_broken(&evidence, Invariant::I8, Some("o0"), "the order is CONFIRMED at version 2");

    let mut evidence = clean();
    let log = last_of(&mut evidence.orders, "o0");
    let index = find(log, "o0", "request.unchanged");
    Evidence::rewrite(log, index, "\"version\":1", "\"version\":7");
    assert_broken(&evidence, Invariant::I8, Some("o0"), "version 7");

    let mut stale = system();
    let mut request = stale.request("o7", Actor::Customer, Command::Cancel);
    request.expected_version = Some(crate::ids::Version(5));
    stale.input(home("o7"), &request);
    stale.answer(&request);
    let mut stale = stale.evidence();
    assert!(stale.audit(Expect::AtRest).is_ok());
    let log = last_of(&mut stale.orders, "o7");
    let index = find(log, "o7", "stale_version");
    Evidence::rewrite(log, index, "\"current\":1", "\"current\":4");
    assert_broken(&stale, Invariant::I8, Some("o7"), "the order is PLACED at version 1");
}

#[test]
fn i9_a_notification_that_is_missing_doubled_invented_or_wrong() {
    let mut missing = clean();
    Evidence::drop_last(last_of(&mut missing.notifications, "o7"));
    assert_broken(&missing, Invariant::I9, Some("o7"), "no notification");
    assert!(missing.audit(Expect::InMotion).is_ok(), "its fact may be younger than the end that was read");

    let mut twice = clean();
    Evidence::copy_last(last_of(&mut twice.notifications, "o7"));
    assert_broken(&twice, Invariant::I9, Some("o7"), "version 1 follows that of 1");

    let mut invented = clean();
    let log = last_of(&mut invented.notifications, "o7");
    Evidence::copy_last(log);
    let last = log.records.len() - 1;
    Evidence::rewrite(log, last, "\"version\":1", "\"version\":2");
    assert_broken(&invented, Invariant::I9, Some("o7"), "a notification has version 2");
    assert_eq!(invented.audit(Expect::InMotion).unwrap_err().invariant, Invariant::I9);

    let mut foreign = clean();
    let record = last_of(&mut foreign.notifications, "o7").records.pop().unwrap();
    let other = &mut foreign.notifications[(home("o7") + 1) % PARTITIONS as usize];
    other.records.push(LogRecord { offset: Offset(1000), ..record });
    assert_broken(&foreign, Invariant::I9, Some("o7"), "the order belongs to");

    let mut wrong = clean();
    let log = last_of(&mut wrong.notifications, "o7");
    Evidence::rewrite(log, log.records.len() - 1, "\"status\":\"PLACED\"", "\"status\":\"CONFIRMED\"");
    assert_broken(&wrong, Invariant::I9, Some("o7"), "differs from its fact in status, lateness or time");
}

/// As releases before `recipients` wrote it.
fn older(record: &mut LogRecord) {
    let mut event: serde_json::Value = serde_json::from_slice(&record.payload).unwrap();
    event.as_object_mut().unwrap().remove("traceparent");
    let data = event["data"].as_object_mut().unwrap();
    data.retain(|key, _| !["late", "reason", "recipients"].contains(&key.as_str()));
    record.payload = event.to_string().into();
}

#[test]
fn i9_the_notifications_of_older_releases_are_those_of_their_facts_too() {
    let mut evidence = clean();
    evidence.notifications.iter_mut().flat_map(|log| &mut log.records).for_each(older);
    assert!(evidence.audit(Expect::AtRest).is_ok());
    // Only the sentence of an older one says that the order is late.
    let log = last_of(&mut evidence.notifications, "o0");
    let late = find(log, "o0", "is late: still");
    Evidence::rewrite(log, late, "is late: still", "is now");
    assert_broken(&evidence, Invariant::I9, Some("o0"), "differs from its fact in status, lateness or time");

    let mut newer = clean();
    let log = last_of(&mut newer.notifications, "o0");
    let late = find(log, "o0", "\"late\":true");
    Evidence::rewrite(log, late, "is late: still", "another sentence");
    assert!(newer.audit(Expect::AtRest).is_ok(), "the sentence of a newer one is no part of it");
    let log = last_of(&mut newer.notifications, "o0");
    Evidence::rewrite(log, late, "\"late\":true", "\"late\":false");
    assert_broken(&newer, Invariant::I9, Some("o0"), "differs from its fact in status, lateness or time");
}

#[test]
fn i10_a_document_or_checkpoint_that_is_behind_at_rest() {
    let mut stale = clean();
    let mut order = Order::from_document(stale.document_mut("o0")).unwrap();
    order.history.pop();
    order.version = crate::ids::Version(2);
    order.updated_at = order.history[1].at;
    order.late = false;
    order.deadline = Some(Policy::manual().deadline(Status::Confirmed, order.updated_at, false).unwrap());
    *stale.document_mut("o0") = order.to_document().into();
    assert_broken(&stale, Invariant::I10, Some("o0"), "the document has version 2, the log has 3 facts");
    // In motion, too: the checkpoint is behind that fact.
    let violation = stale.audit(Expect::InMotion).unwrap_err();
    assert_eq!(violation.invariant, Invariant::I6, "{violation}");
    for recovery in &mut stale.recoveries {
        let checkpoint = recovery.checkpoint.as_mut().unwrap();
        (checkpoint.offset, checkpoint.answered) = (Offset(0), Offset(0));
    }
    assert!(stale.audit(Expect::InMotion).is_ok());

    let mut missing = clean();
    missing.documents.remove(&Status::Cancelled);
    assert_broken(&missing, Invariant::I10, Some("o1"), "no document");

    let mut behind = clean();
    behind.recoveries[home("o7")].checkpoint.as_mut().unwrap().offset = Offset(1);
    assert_broken(&behind, Invariant::I10, None, "the checkpoint is at 1");
    // Facts that the documents hold already: a processor that was drained leaves its checkpoint like that.
    assert!(behind.audit(Expect::Drained).is_ok());
    behind.recoveries[home("o7")].checkpoint = None;
    assert_broken(&behind, Invariant::I10, None, "no checkpoint");
    assert_eq!(behind.audit(Expect::Drained).unwrap_err().invariant, Invariant::I10);
}

#[test]
fn a_document_with_the_derived_list_of_another_release_is_no_difference() {
    for list in [None, Some(serde_json::json!(["SHREDDED"]))] {
        let mut evidence = clean();
        let json = evidence.document_mut("o0");
        let mut document: serde_json::Value = serde_json::from_slice(json).unwrap();
        let fields = document.as_object_mut().unwrap();
        fields.remove("allowed_transitions").unwrap();
        fields.extend(list.map(|list| ("allowed_transitions".to_owned(), list)));
        *json = document.to_string().into();
        evidence.audit(Expect::AtRest).unwrap();
    }
}

#[test]
fn i10_a_list_that_is_out_of_order_or_under_another_status() {
    let mut moved = clean();
    let cancelled = moved.documents.remove(&Status::Cancelled).unwrap();
    moved.documents.insert(Status::Returned, cancelled);
    assert_broken(&moved, Invariant::I10, Some("o1"), "as RETURNED, it is CANCELLED");

    let mut twice = clean();
    let placed = twice.documents.get_mut(&Status::Placed).unwrap();
    placed.push(placed[0].clone());
    assert_broken(&twice, Invariant::I10, Some("o7"), "twice");

    let mut turned = clean();
    turned.documents.get_mut(&Status::Expired).unwrap().reverse();
    assert_eq!(turned.audit(Expect::AtRest).unwrap_err().invariant, Invariant::I10);
}

#[test]
fn i10_counts_that_differ_from_the_lists() {
    let placed =
        |evidence: &Evidence| evidence.summary.iter().position(|one| one.status == Status::Placed).unwrap();
    let mut uncounted = clean();
    let at = placed(&uncounted);
    uncounted.summary[at].count -= 1;
    assert_broken(&uncounted, Invariant::I10, None, "PLACED orders since");
    uncounted.audit(Expect::InMotion).unwrap();

    let mut younger = clean();
    let oldest = younger.summary[at].oldest_change.unwrap();
    younger.summary[at].oldest_change = Some(oldest.after_millis(1));
    assert_broken(&younger, Invariant::I10, None, &format!("since {oldest}"));

    let mut phantom = clean();
    let returned = phantom.summary.iter_mut().find(|one| one.status == Status::Returned).unwrap();
    returned.add(1, Some(oldest));
    assert_broken(&phantom, Invariant::I10, None, "and lists 0");
}

#[test]
fn i11_an_order_that_is_placed_twice_or_lost_on_the_way() {
    let mut twice = system();
    let request = twice.request("o0", Actor::Customer, Command::Place(Placement::default()));
    let offset = twice.input(home("o0"), &request);
    let mut twice = twice.evidence();
    let Decision::Fact(fact) = decide(None, &request, offset, request.at, &Policy::manual()) else {
        panic!()
    };
    let log = last_of(&mut twice.orders, "o0");
    let payload = wire::encode_fact(&fact);
    log.records.push(LogRecord {
        offset: Offset(log.end),
        key: Some("o0".into()),
        payload,
        headers: Vec::new(),
        at: request.at,
    });
    assert_broken(
        &twice,
        Invariant::I11,
        Some("o0"),
        "a second placement has version 1, the order's next is 4",
    );

    let mut lost = clean();
    let records = &mut last_of(&mut lost.orders, "moved").records;
    records.retain(|record| record.key.as_deref() != Some(b"moved"));
    lost.notifications[home("moved")].records.retain(|record| record.key.as_deref() != Some(b"moved"));
    for documents in lost.documents.values_mut() {
        documents.retain(|document| Order::from_document(document).unwrap().order_id != id("moved"));
    }
    assert_broken(&lost, Invariant::I11, None, "is not there");
}

#[test]
fn i12_a_timer_that_is_missing_left_over_wrong_or_early() {
    let mut missing = clean();
    missing.recoveries[home("o7")].timers.clear();
    assert_broken(&missing, Invariant::I12, Some("o7"), "the live timer none");

    let mut left_over = clean();
    left_over.recoveries[home("o2")].timers.push((id("o2"), Timestamp::from_millis(5)));
    assert_broken(&left_over, Invariant::I12, Some("o2"), "the last fact's deadline is none");

    let mut wrong = clean();
    wrong.recoveries[home("o7")].timers[0].1 = Timestamp::from_millis(5);
    assert_broken(&wrong, Invariant::I12, Some("o7"), "1970");

    let mut twice = clean();
    twice.recoveries[home("o7")].timers.push((id("o7"), Timestamp::from_millis(5)));
    assert_broken(&twice, Invariant::I12, Some("o7"), "two timers");

    for (away, says) in [(0, "an order without facts"), (1, "the order belongs to")] {
        let mut foreign = clean();
        let partition = (home("never") + away) % PARTITIONS as usize;
        foreign.recoveries[partition].timers.push((id("never"), Timestamp::from_millis(5)));
        let violation = foreign.audit(Expect::InMotion).unwrap_err();
        assert_eq!((violation.invariant, &violation.order), (Invariant::I12, &Some(id("never"))));
        assert!(violation.to_string().contains(says), "{violation}");
    }

    let mut early = clean();
    let log = last_of(&mut early.orders, "o0");
    let index = find(log, "o0", "order.confirmed");
    Evidence::rewrite(log, index, "\"deadline\":{\"at\":\"20", "\"deadline\":{\"at\":\"21");
    assert_broken(&early, Invariant::I12, Some("o0"), "a Late timer fired");
}

#[test]
fn i14_an_unreadable_fact_or_a_truncated_log() {
    let mut evidence = clean();
    let log = last_of(&mut evidence.orders, "o0");
    let index = find(log, "o0", "order.confirmed");
    Evidence::rewrite(log, index, "order:1", "order:5");
    assert_broken(&evidence, Invariant::I14, None, "a newer release wrote");

    let mut twice = clean();
    let log = last_of(&mut twice.orders, "o0");
    log.records.push(log.records.last().unwrap().clone());
    assert_broken(&twice, Invariant::I14, None, "the record follows the one at offset");

    let mut audit = Audit::new(PARTITIONS, Expect::AtRest);
    let violation = audit.bounds_of_orders(Partition(2), Offset(4), Offset(9)).unwrap_err();
    assert_eq!(
        violation.to_string(),
        "I14 does not hold in partition 2: the log starts at offset 4; earlier records are gone \
         (what an owner wrote can be read, from the log's first record on)"
    );
}

#[test]
fn notifications_that_expired_are_no_violation() {
    let mut evidence = clean();
    let mut audit = Audit::new(PARTITIONS, Expect::AtRest);
    let log = &mut last_of(&mut evidence.notifications, "o2").records;
    let gone = log.iter().position(|record| record.key.as_deref() == Some(b"o2")).unwrap() + 1;
    let kept = log.split_off(gone);
    let partition = partition_of(&id("o2"), PARTITIONS);
    audit.start_of_notifications(partition, Offset(gone as u64));
    for record in &kept {
        audit.notification_record(partition, record).unwrap();
    }
    for record in &evidence.orders[home("o2")].records {
        audit.order_record(partition, record).unwrap();
    }
    assert!(audit.finish().unwrap().facts > 4);
}

#[test]
fn i16_what_no_owner_wrote_is_an_input_whose_outcome_is_a_dead_letter() {
    let forged = |answered: bool, payload: &dyn Fn(&HonestSystem) -> Bytes| {
        let mut system = system();
        let payload = payload(&system);
        system.forged("o0", payload, answered);
        system.evidence().audit(Expect::AtRest)
    };
    let partition = Partition(u32::try_from(home("o0")).unwrap());
    let ahead = |_: &HonestSystem| {
        let result = OutcomeKind::Forwarded { to: Partition(0) };
        let outcome = Outcome { offset: Offset(999), order_id: None, request: None, result };
        wire::encode_outcome(&outcome, partition, Timestamp::default())
    };
    let gap = |system: &HonestSystem| {
        let fact = String::from_utf8(system.last_fact("o0").to_vec()).unwrap();
        Bytes::from(fact.replacen("\"version\":", "\"version\":9", 1))
    };
    let broken =
        |_: &HonestSystem| Bytes::from_static(br#"{"specversion":"1.0","source":"/logistics/processor"}"#);
    let kinds: [&dyn Fn(&HonestSystem) -> Bytes; 3] = [&ahead, &gap, &broken];
    for kind in kinds {
        assert_eq!(forged(true, kind).expect("every invariant holds").foreign, 1);
        forged(false, kind).expect_err("a record that no owner wrote has no outcome");
    }
}

/// An owner with a log key dead-letters an unsigned request that its roles do not permit. The audit has no key.
#[test]
fn i2_a_request_may_be_a_dead_letter() {
    let mut system = system();
    let request = system.request("o7", Actor::Operator, Command::Cancel);
    system.forged("o7", wire::encode_request(&request), true);
    let report = system.evidence().audit(Expect::AtRest).expect("every invariant holds");
    assert_eq!((report.outcomes.dead_lettered, report.foreign), (2, 0));
}

/// An order of merchant-1, that the merchant has confirmed, and a request of another merchant.
fn owned() -> HonestSystem {
    let party = |id: &str| Some(id.parse().unwrap());
    let mut system = HonestSystem::new(Policy::manual());
    let placement = Placement { merchant_id: party("merchant-1"), ..Placement::default() };
    system.ask("o1", Actor::Customer, Command::Place(placement));
    for (merchant, to) in [("merchant-2", Status::Rejected), ("merchant-1", Status::Confirmed)] {
        let mut request = system.request("o1", Actor::Merchant, Command::Transition { to });
        (request.by, request.party) = (Some("jwt:alice".parse().unwrap()), party(merchant));
        system.input(home("o1"), &request);
        system.answer(&request);
    }
    system
}

#[test]
fn an_order_of_another_party_is_not_found() {
    owned().evidence().audit(Expect::AtRest).unwrap();
    // The order ends, and is still found by its own party only.
    let mut ended = owned();
    ended.ask("o1", Actor::Operator, Command::Cancel);
    for (merchant, invariant) in [("merchant-2", None), ("merchant-1", Some(Invariant::I8))] {
        let mut request = ended.request("o1", Actor::Merchant, Command::Cancel);
        request.party = Some(merchant.parse().unwrap());
        let offset = ended.input(home("o1"), &request);
        let (order_id, request) = (Some(request.order_id), Some(request.id));
        let result = OutcomeKind::Rejected(Rejection::NotFound);
        ended.outcome(home("o1"), Outcome { offset, order_id, request, result });
        let found = ended.evidence().audit(Expect::AtRest).err().map(|violation| violation.invariant);
        assert_eq!(found, invariant, "{merchant}");
    }
}

#[test]
fn a_fact_of_a_request_of_another_party_is_found() {
    let mut evidence = owned().evidence();
    let log = last_of(&mut evidence.orders, "o1");
    let index = log.records.iter().position(|record| {
        matches!(wire::decode(record, Partition(0)), Ok(wire::Record::Input(input)) if input.command.target() == Some(Status::Confirmed))
    });
    Evidence::rewrite(log, index.unwrap(), "merchant-1", "merchant-9");
    assert_broken(&evidence, Invariant::Lifecycle, Some("o1"), "a party that is not the order's");
}

#[test]
fn a_document_without_the_subject_of_its_facts_is_found() {
    let mut evidence = owned().evidence();
    let document = evidence.document_mut("o1");
    let mut order = Order::from_document(document).unwrap();
    order.history[1].by = None;
    *document = Bytes::from(order.to_document());
    assert_broken(&evidence, Invariant::I6, Some("o1"), "is not what the first 2 facts make");
}

/// An order whose courier is set, changed and cleared, while its deadline runs and after it is late.
fn with_couriers() -> HonestSystem {
    let courier = |id: &str| Command::Assign { courier_id: Some(id.parse().unwrap()) };
    let mut system = HonestSystem::new(Policy::manual());
    system.place("o1");
    system.ask("o1", Actor::Merchant, courier("c-1"));
    system.ask("o1", Actor::Merchant, courier("c-1"));
    system.ask("o1", Actor::Customer, courier("c-2"));
    system.ask("o1", Actor::Operator, Command::Transition { to: Status::Confirmed });
    system.pass(11 * 60_000);
    system.ask("o1", Actor::Operator, courier("c-2"));
    // A claim of a courier for itself, and a request of a courier for the order of another one.
    system.ask("o1", Actor::Operator, Command::Assign { courier_id: None });
    for id in ["c-3", "c-4"] {
        let mut claim = system.request("o1", Actor::Courier, courier(id));
        claim.party = Some(id.parse().unwrap());
        system.input(home("o1"), &claim);
        system.answer(&claim);
    }
    system
}

#[test]
fn changes_of_the_courier_continue_the_order() {
    let report = with_couriers().evidence().audit(Expect::AtRest).unwrap();
    assert_eq!((report.facts, report.late_facts, report.assignment_facts), (7, 1, 4));
    assert_eq!((report.outcomes.unchanged, report.outcomes.rejected), (1, 2));
    assert_eq!(report.facts_by_status.values().sum::<u64>(), 2);
}

#[test]
fn a_change_of_the_courier_that_the_lifecycle_does_not_allow_is_found() {
    let broken = |from: &str, to: &str, invariant, says: &str| {
        let mut evidence = with_couriers().evidence();
        let log = last_of(&mut evidence.orders, "o1");
        let index = log.records.iter().position(|record| {
            matches!(wire::decode(record, Partition(0)), Ok(wire::Record::Fact(fact)) if fact.version.0 == 2)
        });
        Evidence::rewrite(log, index.unwrap(), from, to);
        assert_broken(&evidence, invariant, Some("o1"), says);
    };
    let lifecycle = Invariant::Lifecycle;
    broken(
        "\"actor\":\"merchant\"",
        "\"actor\":\"customer\"",
        lifecycle,
        "customer changed its courier in PLACED",
    );
    broken(
        "\"status\":\"PLACED\"",
        "\"status\":\"PREPARING\"",
        lifecycle,
        "changed in PREPARING while it is PLACED",
    );
    broken(
        "\"kind\":\"expire\"",
        "\"kind\":\"late\"",
        Invariant::I12,
        "its courier changed, and its deadline",
    );
    broken("c-1", "c-9", Invariant::I2, "is another change, it asked for a courier");
}
