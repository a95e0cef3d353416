//! Properties of decisions: they hold for any requests, actors, times and policies.

mod given;

use std::collections::BTreeMap;

use given::{START, at, fire, placement, request};
use logistics_core::lifecycle::{ACTORS, STATUSES};
use logistics_core::notify::Notification;
use logistics_core::{
    Actor, Change, Command, Decision, Fact, Mode, Offset, Order, Placement, Policy, Request, RequestId,
    Status, Timestamp, Version, VersionGap, decide, decide_due, evolve,
};
use proptest::prelude::*;

const CASES: u32 = 400;
const STEPS_MAX: usize = 40;

#[derive(Debug, Clone)]
enum Step {
    Ask {
        actor: Actor,
        command: Command,
        stale: bool,
    },
    /// The clock moves by this many milliseconds, perhaps back. Then every due deadline fires.
    Clock(i64),
}

fn status() -> impl Strategy<Value = Status> {
    proptest::sample::select(STATUSES.to_vec())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let command = prop_oneof![
        1 => Just(Command::Place(placement())),
        1 => Just(Command::Place(Placement::default())),
        1 => Just(Command::Cancel),
        1 => Just(Command::RevokeTracking),
        2 => proptest::option::of(0..3_u8).prop_map(|n| Command::Assign {
            courier_id: n.map(|n| format!("c-{n}").parse().unwrap()),
        }),
        12 => status().prop_map(|to| Command::Transition { to }),
    ];
    // The operator has the most permissions, so that orders get far.
    let actor = prop_oneof![3 => Just(Actor::Operator), 2 => proptest::sample::select(ACTORS.to_vec())];
    let ask = (actor, command, proptest::bool::weighted(0.1)).prop_map(|(actor, command, stale)| Step::Ask {
        actor,
        command,
        stale,
    });
    let clock = prop_oneof![0..3000_i64, 0..2_000_000_i64, -5000..0_i64].prop_map(Step::Clock);
    proptest::collection::vec(prop_oneof![4 => ask, 1 => clock], 1..STEPS_MAX)
}

fn policy() -> impl Strategy<Value = Policy> {
    let ms = || prop_oneof![Just(0), 0..5000_u64, 0..1_000_000_u64, Just(u64::MAX)];
    let by_status =
        || proptest::collection::btree_map(status(), prop_oneof![0..5000_u64, 0..1_000_000_u64], 0..5);
    let mode = prop_oneof![Just(Mode::Simulate), Just(Mode::Manual)];
    (mode, ms(), by_status(), ms(), ms(), by_status(), 1..4_u32).prop_map(
        |(mode, dwell_ms, dwell_by_status_ms, accept_ms, return_ms, late_ms, max_delivery_attempts)| {
            let mut policy = Policy::manual();
            (policy.mode, policy.dwell_ms, policy.dwell_by_status_ms) = (mode, dwell_ms, dwell_by_status_ms);
            (policy.accept_ms, policy.return_ms, policy.late_ms) = (accept_ms, return_ms, late_ms);
            policy.max_delivery_attempts = max_delivery_attempts;
            policy
        },
    )
}

/// Plays the steps after a placement. Returns the facts, and the order after them.
fn play(steps: &[Step], policy: &Policy) -> (Vec<Fact>, Order) {
    let mut facts = Vec::new();
    let mut now = at(0);
    let mut place = request(Actor::Customer, Command::Place(placement()));
    place.id = RequestId::parse("placement").unwrap();
    let mut order = None;
    ask(&mut order, &place, now, policy, &mut facts);
    for step in steps {
        match step {
            Step::Ask { actor, command, stale } => {
                let mut request = request(*actor, command.clone());
                // Each request has its own id. The properties use an id that no step has.
                request.id = RequestId::parse(&format!("step-{}", facts.len())).unwrap();
                let version = order.as_ref().map(|order| order.version);
                request.expected_version = version.filter(|_| *stale).map(Version::next);
                ask(&mut order, &request, now, policy, &mut facts);
            }
            Step::Clock(millis) => {
                now = Timestamp::from_millis((now.as_millis() + millis).max(START - 10_000));
                let (due, after) = fire(order.unwrap(), now, policy);
                facts.extend(due);
                order = Some(after);
            }
        }
    }
    (facts, order.unwrap())
}

fn ask(order: &mut Option<Order>, request: &Request, now: Timestamp, policy: &Policy, facts: &mut Vec<Fact>) {
    let decision = decide(order.as_ref(), request, Offset(0), now, policy);
    assert_eq!(
        decision,
        decide(order.as_ref(), request, Offset(0), now, policy),
        "the same request gets the same decision"
    );
    if let Decision::Fact(fact) = decision {
        *order = Some(evolve(order.take(), &fact).unwrap());
        facts.push(*fact);
    }
}

fn fold(facts: &[Fact]) -> Option<Order> {
    facts.iter().fold(None, |order, fact| Some(evolve(order, fact).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn an_order_is_the_fold_of_its_facts(steps in steps(), policy in policy()) {
        let (facts, order) = play(&steps, &policy);
        prop_assert_eq!(fold(&facts), Some(order.clone()));
        prop_assert_eq!(&Order::from_document(&order.to_document()).unwrap(), &order);
        prop_assert_eq!(order.version.0 as usize, facts.len());
        prop_assert_eq!(order.history.len(), facts.len());
        prop_assert_eq!(order.due(), facts.last().unwrap().deadline.map(|deadline| deadline.at));
        prop_assert_eq!(order.placement(), placement());
    }

    #[test]
    fn versions_count_up_and_times_never_go_back(steps in steps(), policy in policy()) {
        let (facts, _) = play(&steps, &policy);
        for (index, fact) in facts.iter().enumerate() {
            prop_assert_eq!(fact.version.0 as usize, index + 1);
            prop_assert_eq!(matches!(fact.change, Change::Placed(_)), index == 0);
        }
        for pair in facts.windows(2) {
            prop_assert!(pair[0].at <= pair[1].at);
            prop_assert!(!pair[0].status.is_terminal(), "terminal means terminal");
            let late = pair[1].change == Change::Late;
            let assigned = matches!(pair[1].change, Change::Assigned { .. });
            let keeps = pair[0].status == pair[1].status;
            let revoked = pair[1].change == Change::TrackingRevoked;
            prop_assert_eq!(late || assigned || revoked, keeps, "only these changes keep the status");
            if assigned || revoked {
                prop_assert_eq!(pair[0].deadline, pair[1].deadline, "neither has an effect on time");
            }
            prop_assert!(!(late && pair[0].change == Change::Late), "late once a status");
        }
        let out = facts.iter().filter(|fact| fact.status == Status::OutForDelivery && fact.change == Change::Moved);
        prop_assert!(out.count() <= policy.max_delivery_attempts as usize);
    }

    #[test]
    fn a_fact_that_is_read_again_is_ignored_and_a_gap_is_refused(steps in steps(), policy in policy()) {
        let (facts, order) = play(&steps, &policy);
        for fact in &facts {
            prop_assert_eq!(evolve(Some(order.clone()), fact), Ok(order.clone()));
        }
        for skipped in 1..facts.len() {
            let before = fold(&facts[..skipped - 1]);
            let gap = VersionGap {
                order_id: order.order_id.clone(),
                current: Version(skipped as u64 - 1),
                found: Version(skipped as u64 + 1),
            };
            prop_assert_eq!(evolve(before, &facts[skipped]), Err(gap));
        }
    }

    #[test]
    fn a_request_for_the_current_status_changes_nothing(
        steps in steps(), policy in policy(), actor in proptest::sample::select(ACTORS.to_vec()),
    ) {
        let (_, order) = play(&steps, &policy);
        for command in [Command::Transition { to: order.status }, Command::Place(placement())] {
            let decision = decide(Some(&order), &request(actor, command), Offset(0), at(0), &policy);
            prop_assert_eq!(decision, Decision::Unchanged);
        }
    }

    #[test]
    fn an_actor_may_request_what_the_document_allows_and_nothing_else(steps in steps(), policy in policy()) {
        let (_, order) = play(&steps, &policy);
        for to in STATUSES.into_iter().filter(|to| *to != order.status) {
            let may = |actor: &Actor| {
                let request = request(*actor, Command::Transition { to });
                matches!(decide(Some(&order), &request, Offset(0), at(0), &policy), Decision::Fact(_))
            };
            for actor in ACTORS {
                let outside = actor != Actor::System;
                prop_assert_eq!(may(&actor), outside && order.allowed(Some(actor)).contains(&to));
            }
            let people = ACTORS.into_iter().filter(|actor| *actor != Actor::System);
            prop_assert_eq!(people.filter(may).count() > 0, order.allowed_transitions.contains(&to));
        }
    }

    #[test]
    fn a_deadline_does_nothing_before_it_is_due_and_something_then(steps in steps(), policy in policy()) {
        let (facts, order) = play(&steps, &policy);
        let Some(due) = order.due() else {
            prop_assert_eq!(decide_due(&order, Offset(0), Timestamp::from_millis(i64::MAX), &policy), None);
            return Ok(());
        };
        let early = Timestamp::from_millis(due.as_millis() - 1);
        prop_assert_eq!(decide_due(&order, Offset(0), early, &policy), None);
        let fact = decide_due(&order, Offset(0), due, &policy).unwrap();
        prop_assert_eq!(fact.actor, Actor::System);
        prop_assert!(fact.at >= facts.last().unwrap().at);
        prop_assert_eq!(fact.at, due.max(order.updated_at));
        prop_assert_eq!(evolve(Some(order.clone()), &fact).unwrap().version, order.version.next());
    }

    #[test]
    fn a_policy_that_simulates_ends_every_order(steps in steps(), dwell_ms in 0..5000_u64) {
        // Deadlines alone end every order; an order whose delivery failed is returned.
        let mut policy = Policy::simulate(dwell_ms);
        policy.late_ms = BTreeMap::new();
        let (_, mut order) = play(&steps, &policy);
        while let Some(due) = order.due() {
            order = fire(order, due, &policy).1;
        }
        prop_assert!(order.status.is_terminal());
    }

    #[test]
    fn every_fact_notifies_the_parties_of_its_order(steps in steps(), policy in policy()) {
        let (facts, order) = play(&steps, &policy);
        for fact in facts {
            // The tests of assignments have their notifications.
            if matches!(fact.change, Change::Assigned { .. }) {
                continue;
            }
            let notification = Notification::of(&fact, &order);
            if fact.change == Change::TrackingRevoked {
                prop_assert!(notification.tracking_revoked && notification.recipients.is_empty());
                continue;
            }
            prop_assert!(!notification.recipients.is_empty());
            let (id, version, status) = (&notification.order_id, notification.version, notification.status);
            prop_assert_eq!((id, version, status), (&fact.order_id, fact.version, fact.status));
            prop_assert_eq!(notification.late, fact.change == Change::Late);
            prop_assert_eq!((&notification.reason, notification.at), (&fact.reason, fact.at));
            prop_assert_eq!(&notification.trace, &fact.trace);
            for recipient in notification.recipients {
                let expected = match recipient.role {
                    Actor::Customer => &order.customer_id,
                    Actor::Merchant => &order.merchant_id,
                    Actor::Courier => &order.courier_id,
                    Actor::Operator | Actor::System => &None,
                };
                prop_assert_eq!(&recipient.party, expected);
            }
        }
    }
}
