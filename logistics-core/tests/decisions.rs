//! Every request of every actor in every status, against the rules of the design. The rules are repeated here by hand, so
//! that a wrong row of the table fails a test.

mod given;

use given::{at, order_in, placement, request};
use logistics_core::lifecycle::{ACTORS, STATUSES};
use logistics_core::{
    Actor, Cause, Change, Command, Decision, Details, Fact, Offset, Order, Placement, Policy, Reason,
    Rejection, Request, RequestId, Status, TraceParent, Version, decide, evolve,
};

/// The table of the design. A row for `system` alone has no requests.
const RULES: &str = "
    PLACED                      | CONFIRMED        | merchant, operator, system
    PLACED                      | REJECTED         | merchant, operator
    PLACED                      | EXPIRED          | system
    PLACED, CONFIRMED           | CANCELLED        | customer, merchant, operator
    CONFIRMED                   | PREPARING        | merchant, operator, system
    PREPARING                   | READY_FOR_PICKUP | merchant, operator
    PREPARING, READY_FOR_PICKUP | OUT_FOR_DELIVERY | courier, operator, system
    PREPARING, READY_FOR_PICKUP | CANCELLED        | merchant, operator
    OUT_FOR_DELIVERY            | DELIVERED        | courier, operator, system
    OUT_FOR_DELIVERY            | DELIVERY_FAILED  | courier, operator
    DELIVERY_FAILED             | OUT_FOR_DELIVERY | courier, operator
    DELIVERY_FAILED             | RETURNED         | courier, operator, system
";

/// The rules of the status that is for tests only.
const RULES_FOR_TESTS: &str =
    if cfg!(feature = "allows-lost") { "DELIVERY_FAILED | LOST | operator" } else { "" };

const NAMES: &[&str] = &[
    "PLACED",
    "CONFIRMED",
    "PREPARING",
    "READY_FOR_PICKUP",
    "OUT_FOR_DELIVERY",
    "DELIVERED",
    "DELIVERY_FAILED",
    "RETURNED",
    #[cfg(feature = "knows-lost")]
    "LOST",
    "REJECTED",
    "EXPIRED",
    "CANCELLED",
];

const TERMINAL: &[&str] = &["DELIVERED", "REJECTED", "EXPIRED", "CANCELLED", "RETURNED", "LOST"];

/// The actors that may request the transition; `None` where there is none.
fn who_may(from: &str, to: &str) -> Option<Vec<&'static str>> {
    let lines = RULES.lines().chain(RULES_FOR_TESTS.lines());
    let mut rules = lines.filter(|line| !line.trim().is_empty()).map(|line| {
        let mut columns = line.split('|').map(|column| column.split(',').map(str::trim).collect::<Vec<_>>());
        (columns.next().unwrap(), columns.next().unwrap()[0], columns.next().unwrap())
    });
    let found = rules.find(|(froms, rule_to, _)| froms.contains(&from) && *rule_to == to);
    found.map(|(_, _, actors)| actors)
}

/// The statuses that can be requested in this status, by any actor or by one.
fn allowed(from: &str, actor: Option<&str>, attempts_left: Option<u32>) -> Vec<&'static str> {
    let open = |to: &&str| {
        let Some(actors) = who_may(from, to) else { return false };
        let by = match actor {
            Some(actor) => actors.contains(&actor),
            None => actors != ["system"],
        };
        by && (*to != "OUT_FOR_DELIVERY" || attempts_left != Some(0))
    };
    let mut open: Vec<_> = NAMES.iter().copied().filter(open).collect();
    open.sort_unstable();
    open
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expects {
    Nothing,
    Current,
    Another,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Fact(&'static str),
    Unchanged,
    Refused(&'static str),
}

fn expected(case: &Case) -> Answer {
    let Case { order, command, actor, expects } = case;
    let Some((from, attempts_left)) = order else {
        return match command {
            Command::Place(_) if *actor != Actor::Customer => Answer::Refused("placement_not_permitted"),
            Command::Place(_) if *expects == Expects::Another => Answer::Refused("stale_version"),
            Command::Place(_) => Answer::Fact("PLACED"),
            _ => Answer::Refused("not_found"),
        };
    };
    let to = match command {
        // A repeated placement returns the original order, whatever version it expects.
        Command::Place(body) if *body == placement() => return Answer::Unchanged,
        Command::Place(_) => return Answer::Refused("id_conflict"),
        Command::Transition { to } => NAMES[to.index()],
        Command::Cancel => "CANCELLED",
        Command::Assign { .. } | Command::RevokeTracking => panic!("other tests have these"),
    };
    if *expects == Expects::Another {
        return Answer::Refused("stale_version");
    }
    if from.name() == to {
        return Answer::Unchanged;
    }
    match who_may(from.name(), to) {
        None => Answer::Refused("illegal_transition"),
        // An input never acts as the system, whichever producer wrote it.
        Some(actors) if *actor == Actor::System || !actors.contains(&actor.name()) => {
            Answer::Refused("not_permitted")
        }
        Some(_) if to == "OUT_FOR_DELIVERY" && *attempts_left == Some(0) => {
            Answer::Refused("attempts_exhausted")
        }
        Some(_) => Answer::Fact(to),
    }
}

#[derive(Debug, Clone)]
struct Case {
    order: Option<(Status, Option<u32>)>,
    command: Command,
    actor: Actor,
    expects: Expects,
}

fn cases() -> Vec<Case> {
    let mut orders = vec![None];
    orders.extend(STATUSES.map(|status| Some((status, None))));
    orders.push(Some((Status::DeliveryFailed, Some(2))));
    orders.push(Some((Status::DeliveryFailed, Some(0))));
    let other = Placement::new().with_details(Details::parse("{}").unwrap());
    let mut commands = vec![Command::Place(placement()), Command::Place(other), Command::Cancel];
    commands.extend(STATUSES.map(|to| Command::Transition { to }));
    let mut cases = Vec::new();
    for order in orders {
        for command in &commands {
            for actor in ACTORS {
                for expects in [Expects::Nothing, Expects::Current, Expects::Another] {
                    cases.push(Case { order, command: command.clone(), actor, expects });
                }
            }
        }
    }
    cases
}

fn ask(case: &Case) -> (Option<Order>, Request, Decision) {
    let order = case.order.map(|(status, attempts_left)| order_in(status, attempts_left));
    let version = order.as_ref().map_or(Version(0), |order| order.version);
    let mut request = request(case.actor, case.command.clone());
    request.expected_version = match case.expects {
        Expects::Nothing => None,
        Expects::Current => Some(version),
        Expects::Another => Some(version.next()),
    };
    request.reason = Some(Reason::parse("because").unwrap());
    request.trace =
        Some(TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap());
    let decision = decide(order.as_ref(), &request, Offset(41), at(1000), &Policy::manual());
    (order, request, decision)
}

#[test]
fn the_names_are_those_of_the_design() {
    assert_eq!(STATUSES.map(Status::name).as_slice(), NAMES);
    assert_eq!(ACTORS.map(Actor::name), ["customer", "merchant", "courier", "operator", "system"]);
    for status in STATUSES {
        assert_eq!(status.is_terminal(), TERMINAL.contains(&status.name()), "{status}");
        let leaves = NAMES.iter().any(|to| who_may(status.name(), to).is_some());
        assert_eq!(status.is_terminal(), !leaves, "{status}");
    }
}

#[test]
fn every_request_of_every_actor_in_every_status_is_answered_by_the_rules() {
    let cases = cases();
    // Besides the statuses: no order and two more orders, and three more commands.
    let (orders, commands) = (NAMES.len() + 3, NAMES.len() + 3);
    assert_eq!(cases.len(), orders * commands * ACTORS.len() * 3);
    for case in cases {
        let (order, request, decision) = ask(&case);
        let answer = match &decision {
            Decision::Fact(fact) => Answer::Fact(fact.status.name()),
            Decision::Unchanged => Answer::Unchanged,
            Decision::Rejected(rejection) => Answer::Refused(rejection.code()),
        };
        assert_eq!(answer, expected(&case), "{case:?}");
        match decision {
            Decision::Fact(fact) => assert_fact(&fact, order.as_ref(), &request),
            Decision::Rejected(rejection) => assert_rejection(&rejection, &case),
            Decision::Unchanged => {}
        }
    }
}

fn assert_fact(fact: &Fact, order: Option<&Order>, request: &Request) {
    let Fact {
        order_id,
        version,
        status,
        change,
        at: time,
        actor,
        reason,
        cause,
        deadline,
        attempts_left,
        trace,
        ..
    } = fact;
    assert_eq!(order_id, &request.order_id);
    assert_eq!(version.0, order.map_or(1, |order| order.version.0 + 1));
    assert_eq!((*time, *actor), (at(1000), request.actor));
    assert_eq!(reason, &request.reason);
    let parent = request.trace.as_ref().and_then(TraceParent::context).unwrap();
    assert_eq!(trace.as_ref(), Some(&parent.of_fact(order_id, *version).to_traceparent()));
    assert_eq!(cause, &Cause::Request { request: request.id.clone(), offset: Offset(41) });
    assert_eq!(change, &order.map_or_else(|| Change::Placed(placement_of(request)), |_| Change::Moved));
    assert_eq!(*deadline, Policy::manual().deadline(*status, at(1000), false));
    assert_eq!(attempts_left.is_some(), *status == Status::DeliveryFailed);
}

fn placement_of(request: &Request) -> Placement {
    match &request.command {
        Command::Place(placement) => placement.clone(),
        other => panic!("{other:?} placed an order"),
    }
}

fn assert_rejection(rejection: &Rejection, case: &Case) {
    let found = rejection.allowed().map(|allowed| {
        let mut names: Vec<_> = allowed.iter().map(|status| status.name()).collect();
        names.sort_unstable();
        names
    });
    let Some((from, attempts_left)) = case.order else {
        assert_eq!(found, None, "{case:?}");
        return;
    };
    let about_status = !matches!(rejection, Rejection::StaleVersion { .. } | Rejection::IdConflict);
    let actor = matches!(rejection, Rejection::NotPermitted { .. }).then(|| case.actor.name());
    let allowed = match actor {
        Some("system") => Vec::new(),
        actor => allowed(from.name(), actor, attempts_left),
    };
    assert_eq!(found, about_status.then_some(allowed), "{case:?}");
    match rejection {
        Rejection::IllegalTransition { current, requested, .. } => {
            assert_eq!((*current, *requested), (from, case.command.target().unwrap()));
        }
        Rejection::NotPermitted { current, requested, actor, permitted, .. } => {
            assert_eq!((*current, *requested, *actor), (from, case.command.target().unwrap(), case.actor));
            let permitted: Vec<_> = permitted.iter().map(|actor| actor.name()).collect();
            let mut may = who_may(from.name(), requested.name()).expect("a transition of the lifecycle");
            may.retain(|actor| *actor != "system");
            assert_eq!(permitted, may, "{case:?}");
        }
        _ => {}
    }
}

#[test]
fn the_document_allows_what_the_rules_allow() {
    let names = |allowed: &[Status]| {
        let mut names: Vec<_> = allowed.iter().map(|status| status.name()).collect();
        names.sort_unstable();
        names
    };
    for status in STATUSES {
        let order = order_in(status, None);
        assert_eq!(names(&order.allowed_transitions), allowed(status.name(), None, None), "{status}");
        for actor in ACTORS {
            let by_actor = names(&order.allowed(Some(actor)));
            assert_eq!(by_actor, allowed(status.name(), Some(actor.name()), None), "{status} {actor}");
        }
    }
    let exhausted = order_in(Status::DeliveryFailed, Some(0));
    assert_eq!(names(&exhausted.allowed_transitions), allowed("DELIVERY_FAILED", None, Some(0)));
}

#[test]
fn facts_do_not_go_back_in_time_with_the_clock() {
    let order = order_in(Status::Placed, None);
    let confirm = request(Actor::Merchant, Command::Transition { to: Status::Confirmed });
    let decision = decide(Some(&order), &confirm, Offset(1), at(-5000), &Policy::simulate(2000));
    let Decision::Fact(fact) = decision else { panic!("{decision:?}") };
    assert_eq!(fact.at, order.updated_at);
    assert_eq!(fact.deadline.unwrap().at, at(2000), "the deadline counts from the fact");
}

#[test]
fn the_spacing_of_details_does_not_make_another_placement() {
    let order = order_in(Status::Preparing, None);
    let same = Placement::new().with_details(Details::parse(r#"{"a":1}"#).unwrap());
    let again = request(Actor::Customer, Command::Place(same));
    assert_eq!(decide(Some(&order), &again, Offset(1), at(0), &Policy::simulate(2000)), Decision::Unchanged);
}

/// The order after this request, which must succeed.
fn moved(order: Order, request: &Request) -> Order {
    let decision = decide(Some(&order), request, Offset(1), at(0), &Policy::manual());
    let Decision::Fact(fact) = decision else { panic!("{decision:?}") };
    evolve(Some(order), &fact).unwrap()
}

fn step(id: &str, to: Status, expected: Option<u64>) -> Request {
    let mut step = request(Actor::Operator, Command::Transition { to });
    step.id = id.parse().unwrap();
    step.expected_version = expected.map(Version);
    step
}

fn answer(order: &Order, request: &Request) -> Decision {
    decide(Some(order), request, Offset(2), at(9000), &Policy::manual())
}

#[test]
fn a_retry_of_a_request_that_succeeded_is_not_stale() {
    // Given an order that a request with the version that it then had has moved
    let confirm = step("confirm", Status::Confirmed, Some(1));
    let confirmed = moved(order_in(Status::Placed, None), &confirm);
    // When the request comes again, then nothing changes,
    assert_eq!(answer(&confirmed, &confirm), Decision::Unchanged);
    // nor when the order has moved on since,
    let preparing = moved(confirmed.clone(), &step("prepare", Status::Preparing, Some(2)));
    assert_eq!(answer(&preparing, &confirm), Decision::Unchanged);
    // nor when the client gives its retry another id,
    assert_eq!(answer(&confirmed, &step("again", Status::Confirmed, Some(1))), Decision::Unchanged);
    // but a version from before another client's change, or one that never was, is stale.
    for (order, to, expected) in [
        (&preparing, Status::Preparing, 1),
        (&confirmed, Status::Confirmed, 0),
        (&confirmed, Status::Confirmed, 3),
    ] {
        let stale = Rejection::StaleVersion { current: order.version, expected: Version(expected) };
        assert_eq!(answer(order, &step("other", to, Some(expected))), Decision::Rejected(stale));
    }
}

#[test]
fn a_retry_is_not_stale_after_the_order_became_late() {
    let confirm = step("confirm", Status::Confirmed, Some(1));
    let confirmed = moved(order_in(Status::Placed, None), &confirm);
    let late = evolve(Some(confirmed), &given::fact(3, Status::Confirmed, Change::Late)).unwrap();
    for expected in [1, 2, 3] {
        let again = step("again", Status::Confirmed, Some(expected));
        assert_eq!(answer(&late, &again), Decision::Unchanged, "{expected}");
    }
}

#[test]
fn a_repeated_request_counts_one_delivery_attempt() {
    let failed = order_in(Status::DeliveryFailed, Some(2));
    let retry = step("retry", Status::OutForDelivery, None);
    let out = moved(failed, &retry);
    let attempts = out.delivery_attempts;
    let failed_again = moved(out, &step("fail", Status::DeliveryFailed, None));
    // When the courier's client repeats the request after the next failure, then there is no further attempt.
    assert_eq!(answer(&failed_again, &retry), Decision::Unchanged);
    assert_eq!(failed_again.delivery_attempts, attempts);
    let another = answer(&failed_again, &step("another", Status::OutForDelivery, None));
    assert!(matches!(another, Decision::Fact(_)), "{another:?}");
}

#[test]
fn one_request_id_with_another_body_is_a_conflict() {
    let confirm = step("one", Status::Confirmed, None);
    let confirmed = moved(order_in(Status::Placed, None), &confirm);
    let reason = Reason::parse("because").unwrap();
    let mut by_the_merchant = confirm.clone();
    by_the_merchant.actor = Actor::Merchant;
    for other in [step("one", Status::Preparing, None), confirm.clone().with_reason(reason), by_the_merchant]
    {
        assert_eq!(answer(&confirmed, &other), Decision::Rejected(Rejection::IdConflict), "{other:?}");
    }
}

#[test]
fn the_history_of_a_document_of_an_earlier_release_names_no_requests() {
    let placed = order_in(Status::Placed, None);
    assert_eq!(placed.history[0].request.as_ref().map(RequestId::as_str), Some("before"));
    let mut document: serde_json::Value = serde_json::from_slice(&placed.to_document()).unwrap();
    document["history"][0].as_object_mut().unwrap().remove("request");
    let old = Order::from_document(document.to_string().as_bytes()).unwrap();
    assert_eq!(old.history[0].request, None);
}
