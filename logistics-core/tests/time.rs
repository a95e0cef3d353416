//! Dwell times and deadlines: given, when, then.

mod given;

use std::collections::BTreeMap;

use given::{at, fire, order_in, placement, request};
use logistics_core::lifecycle::STATUSES;
use logistics_core::{
    Actor, Cause, Change, Command, Deadline, DeadlineKind, Decision, Fact, Mode, Offset, Order, Policy,
    RequestId, Status, Timestamp, TraceParent, decide, evolve,
};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;

/// An order that was placed at the start and moved along by the operator, all at the start.
fn moved_to(path: &[Status], policy: &Policy) -> Order {
    let mut order = None;
    for status in path {
        let (actor, command) = match status {
            Status::Placed => (Actor::Customer, Command::Place(placement())),
            to => (Actor::Operator, Command::Transition { to: *to }),
        };
        order = Some(step(order, actor, command, at(0), policy));
    }
    order.unwrap()
}

fn step(order: Option<Order>, actor: Actor, command: Command, now: Timestamp, policy: &Policy) -> Order {
    let version = order.as_ref().map_or(0, |order| order.version.0);
    let mut request = request(actor, command);
    request.id = RequestId::parse(&format!("r{version}")).unwrap();
    match decide(order.as_ref(), &request, Offset(0), now, policy) {
        Decision::Fact(fact) => evolve(order, &fact).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn after(millis: u64) -> Timestamp {
    at(0).after_millis(millis)
}

fn statuses(facts: &[Fact]) -> Vec<(Status, Timestamp)> {
    facts.iter().map(|fact| (fact.status, fact.at)).collect()
}

const TO_DELIVERY: [Status; 4] =
    [Status::Placed, Status::Confirmed, Status::Preparing, Status::OutForDelivery];

#[test]
fn simulated_each_step_happens_by_itself_after_two_seconds() {
    let policy = Policy::simulate(2 * SECOND);
    let mut order = moved_to(&[Status::Placed], &policy);
    for (step, status) in [Status::Confirmed, Status::Preparing, Status::OutForDelivery, Status::Delivered]
        .into_iter()
        .enumerate()
    {
        let due = after(2 * SECOND * (step as u64 + 1));
        let early = Timestamp::from_millis(due.as_millis() - 1);
        let (none, same) = fire(order, early, &policy);
        assert_eq!(none, []);
        let (facts, next) = fire(same, due, &policy);
        assert_eq!(statuses(&facts), [(status, due)]);
        assert_eq!(facts[0].actor, Actor::System);
        assert_eq!(facts[0].cause, Cause::Timer { timer: DeadlineKind::Advance, offset: Offset(9) });
        order = next;
    }
    assert_eq!(order.deadline, None);
}

#[test]
fn without_dwell_an_order_is_delivered_at_once() {
    let policy = Policy::simulate(0);
    let (facts, order) = fire(moved_to(&[Status::Placed], &policy), at(0), &policy);
    assert_eq!(facts.len(), 4);
    assert_eq!((order.status, order.updated_at, order.version.0), (Status::Delivered, at(0), 5));
}

#[test]
fn dwell_can_be_set_by_status_and_ready_for_pickup_has_one_too() {
    let dwell_by_status_ms = BTreeMap::from([(Status::ReadyForPickup, 7 * SECOND)]);
    let mut policy = Policy::simulate(2 * SECOND);
    policy.dwell_by_status_ms = dwell_by_status_ms;
    let path = [Status::Placed, Status::Confirmed, Status::Preparing, Status::ReadyForPickup];
    let order = moved_to(&path, &policy);
    assert_eq!(order.due(), Some(after(7 * SECOND)));
    let (facts, _) = fire(order, after(7 * SECOND), &policy);
    assert_eq!(statuses(&facts), [(Status::OutForDelivery, after(7 * SECOND))]);
}

#[test]
fn a_late_timer_records_when_it_fired_and_the_next_dwell_counts_from_then() {
    let policy = Policy::simulate(2 * SECOND);
    let (facts, order) = fire(moved_to(&[Status::Placed], &policy), after(30 * SECOND), &policy);
    assert_eq!(statuses(&facts), [(Status::Confirmed, after(30 * SECOND))]);
    assert_eq!(order.due(), Some(after(32 * SECOND)));
}

#[test]
fn an_order_that_is_not_accepted_for_ten_minutes_expires() {
    let policy = Policy::manual();
    let order = moved_to(&[Status::Placed], &policy);
    assert_eq!(order.deadline, Some(Deadline { at: after(10 * MINUTE), kind: DeadlineKind::Expire }));
    let (facts, order) = fire(order, after(10 * MINUTE), &policy);
    assert_eq!(statuses(&facts), [(Status::Expired, after(10 * MINUTE))]);
    assert_eq!((order.deadline, order.allowed_transitions.len()), (None, 0));
}

#[test]
fn a_failed_delivery_goes_back_after_a_day() {
    for policy in [Policy::manual(), Policy::simulate(2 * SECOND)] {
        let order = moved_to(&[&TO_DELIVERY[..], &[Status::DeliveryFailed]].concat(), &policy);
        let day = after(24 * 60 * MINUTE);
        assert_eq!(order.deadline, Some(Deadline { at: day, kind: DeadlineKind::Return }));
        let (facts, order) = fire(order, day, &policy);
        assert_eq!(statuses(&facts), [(Status::Returned, day)]);
        assert!(order.status.is_terminal());
    }
}

#[test]
fn every_other_wait_is_late_once_and_stays_in_its_status() {
    let policy = Policy::manual();
    let confirmed = [Status::Placed, Status::Confirmed];
    let preparing = [Status::Placed, Status::Confirmed, Status::Preparing];
    let ready = [Status::Placed, Status::Confirmed, Status::Preparing, Status::ReadyForPickup];
    for (path, minutes) in [(&confirmed[..], 10), (&preparing, 30), (&ready, 15), (&TO_DELIVERY, 60)] {
        let before = moved_to(path, &policy);
        let (facts, order) = fire(before.clone(), after(minutes * MINUTE), &policy);
        assert_eq!(facts.len(), 1);
        assert_eq!((facts[0].change.clone(), facts[0].status), (Change::Late, before.status));
        assert_eq!((order.status, order.version, order.late), (before.status, before.version.next(), true));
        assert_eq!(order.deadline, None, "once");
        assert!(order.history.last().unwrap().late);
        assert_eq!(order.allowed_transitions, before.allowed_transitions);
        // The next status begins anew.
        let to = order.allowed_transitions[0];
        let next =
            step(Some(order), Actor::Operator, Command::Transition { to }, after(61 * MINUTE), &policy);
        assert!(!next.late);
    }
}

#[test]
fn being_late_does_not_postpone_the_next_deadline_of_the_status() {
    let late_ms = BTreeMap::from([(Status::Placed, MINUTE), (Status::Confirmed, MINUTE)]);
    let mut policy = Policy::simulate(5 * MINUTE);
    policy.late_ms = late_ms;
    let (facts, order) = fire(moved_to(&[Status::Placed], &policy), after(MINUTE), &policy);
    assert_eq!(facts[0].change, Change::Late);
    assert_eq!(order.deadline, Some(Deadline { at: after(5 * MINUTE), kind: DeadlineKind::Advance }));
    let mut manual = policy;
    manual.mode = Mode::Manual;
    let (_, order) = fire(moved_to(&[Status::Placed], &manual), after(MINUTE), &manual);
    assert_eq!(order.deadline, Some(Deadline { at: after(10 * MINUTE), kind: DeadlineKind::Expire }));
}

#[test]
fn a_changed_policy_does_not_change_the_deadline_of_a_fact() {
    let order = moved_to(&[Status::Placed], &Policy::manual());
    let (facts, _) = fire(order, after(10 * MINUTE), &Policy::simulate(0));
    assert_eq!(facts[0].status, Status::Expired, "the current policy does not apply");
}

#[test]
fn the_policy_at_the_time_of_a_failure_limits_the_delivery_attempts() {
    let mut policy = Policy::manual();
    policy.max_delivery_attempts = 2;
    let go = |order, to| step(Some(order), Actor::Courier, Command::Transition { to }, at(0), &policy);
    let failed = go(moved_to(&TO_DELIVERY, &policy), Status::DeliveryFailed);
    assert_eq!((failed.delivery_attempts, failed.attempts_left), (1, Some(1)));
    assert!(failed.allowed_transitions.contains(&Status::OutForDelivery));
    let failed = go(go(failed, Status::OutForDelivery), Status::DeliveryFailed);
    assert_eq!((failed.delivery_attempts, failed.attempts_left), (2, Some(0)));
    assert!(!failed.allowed_transitions.contains(&Status::OutForDelivery));
    assert!(failed.allowed_transitions.contains(&Status::Returned));
    let again = request(Actor::Courier, Command::Transition { to: Status::OutForDelivery });
    let mut generous = Policy::manual();
    generous.max_delivery_attempts = 9;
    let decision = decide(Some(&failed), &again, Offset(0), at(0), &generous);
    assert!(
        matches!(decision, Decision::Rejected(ref r) if r.code() == "attempts_exhausted"),
        "{decision:?}"
    );
}

#[test]
fn a_terminal_order_waits_for_nothing() {
    for status in STATUSES.into_iter().filter(|status| status.is_terminal()) {
        let (facts, _) = fire(order_in(status, None), Timestamp::from_millis(i64::MAX), &Policy::simulate(0));
        assert_eq!(facts, []);
    }
}

#[test]
fn a_timers_fact_continues_the_trace_of_the_latest_fact_that_has_one() {
    let trace = |n: u8| {
        TraceParent::parse(&format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333{n}-01")).ok()
    };
    let policy = Policy::simulate(2 * SECOND);
    let mut place = request(Actor::Customer, Command::Place(placement()));
    place.trace = trace(1);
    let Decision::Fact(placed) = decide(None, &place, Offset(0), at(0), &policy) else { panic!("a fact") };
    let (confirmed, order) = fire(evolve(None, &placed).unwrap(), after(2 * SECOND), &policy);
    let context = |trace: &Option<TraceParent>| trace.as_ref().and_then(TraceParent::context).unwrap();
    let of_fact = |parent: &Option<TraceParent>, fact: &Fact| {
        Some(context(parent).of_fact(&fact.order_id, fact.version).to_traceparent())
    };
    assert_eq!(placed.trace, of_fact(&trace(1), &placed));
    assert_eq!(confirmed[0].trace, of_fact(&trace(1), &confirmed[0]));
    assert_ne!(confirmed[0].trace, placed.trace, "each fact has its own span");
    assert_eq!(order.history[1].trace, confirmed[0].trace);

    // A document of an earlier release has no trace, and neither has what its timers bring about.
    let document = String::from_utf8(order.to_document()).unwrap();
    let traces = [&placed.trace, &confirmed[0].trace].map(|trace| trace.as_ref().unwrap());
    let earlier = traces
        .into_iter()
        .fold(document.clone(), |document, trace| document.replace(&format!(",\"trace\":\"{trace}\""), ""));
    assert!(!earlier.contains("trace"), "{earlier}");
    assert_ne!(earlier, document);
    let earlier = Order::from_document(earlier.as_bytes()).unwrap();
    assert_eq!(fire(earlier, after(4 * SECOND), &policy).0[0].trace, None);

    let to = Command::Transition { to: Status::Preparing };
    let id = RequestId::parse("traced").unwrap();
    let mut prepare = request(Actor::Operator, to);
    prepare.trace = trace(2);
    prepare.id = id;
    let decided = decide(Some(&order), &prepare, Offset(1), after(3 * SECOND), &policy);
    let Decision::Fact(preparing) = decided else { panic!("{decided:?}") };
    let (first, order) = fire(evolve(Some(order), &preparing).unwrap(), after(MINUTE), &policy);
    let (second, _) = fire(order, after(2 * MINUTE), &policy);
    for fact in first.iter().chain(&second) {
        assert_eq!(fact.trace, of_fact(&trace(2), fact));
    }
}

#[test]
fn an_order_that_was_late_is_sampled_from_then_on() {
    let unsampled = TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00").ok();
    let mut policy = Policy::manual();
    policy.late_ms = BTreeMap::from([(Status::Preparing, MINUTE)]);
    let mut order = moved_to(&[Status::Placed, Status::Confirmed, Status::Preparing], &policy);
    order.trace.clone_from(&unsampled);
    let sampled = |fact: &Fact| fact.trace.as_ref().and_then(TraceParent::context).unwrap().is_sampled();
    let (facts, order) = fire(order, after(MINUTE), &policy);
    assert_eq!(facts.iter().map(|fact| fact.change.clone()).collect::<Vec<_>>(), [Change::Late]);
    let mut ready = request(Actor::Operator, Command::Transition { to: Status::OutForDelivery });
    (ready.id, ready.trace) = (RequestId::parse("later").unwrap(), unsampled);
    let mut punctual = order.clone();
    punctual.history.retain(|entry| !entry.late);
    let decided = [order, punctual].map(|order| {
        match decide(Some(&order), &ready, Offset(1), after(2 * MINUTE), &policy) {
            Decision::Fact(fact) => *fact,
            other => panic!("{other:?}"),
        }
    });
    assert_eq!([sampled(&facts[0]), sampled(&decided[0]), sampled(&decided[1])], [true, true, false]);
}
