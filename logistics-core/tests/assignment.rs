//! The courier of an order: who may set and clear it, and what it leaves as it is.

mod given;

use given::{at, order_in, request};
use logistics_core::lifecycle::{ACTORS, STATUSES};
use logistics_core::notify::Notification;
use logistics_core::{
    Actor, Assignment, Change, Command, Decision, Fact, Offset, Order, PartyId, Placement, Policy, Rejection,
    Request, Status, Version, decide, evolve,
};

/// The rules of the design, by hand.
fn may(status: Status, actor: Actor) -> bool {
    let open = [
        Status::Placed,
        Status::Confirmed,
        Status::Preparing,
        Status::ReadyForPickup,
        Status::DeliveryFailed,
    ];
    match actor {
        Actor::Merchant | Actor::Courier => open.contains(&status),
        Actor::Operator => open.contains(&status) || status == Status::OutForDelivery,
        Actor::Customer | Actor::System => false,
    }
}

fn party(id: &str) -> PartyId {
    id.parse().unwrap()
}

fn assign(id: &str, actor: Actor, courier: Option<&str>) -> Request {
    let mut request = request(actor, Command::Assign { courier_id: courier.map(party) });
    request.id = id.parse().unwrap();
    request
}

fn answer(order: &Order, request: &Request) -> Decision {
    decide(Some(order), request, Offset(7), at(9000), &Policy::manual())
}

fn fact(order: &Order, request: &Request) -> Fact {
    match answer(order, request) {
        Decision::Fact(fact) => *fact,
        other => panic!("{other:?}"),
    }
}

fn after(order: &Order, request: &Request) -> Order {
    evolve(Some(order.clone()), &fact(order, request)).unwrap()
}

fn code(order: &Order, request: &Request) -> &'static str {
    match answer(order, request) {
        Decision::Rejected(rejection) => rejection.code(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_actor_in_every_status_is_answered_by_the_table() {
    for status in STATUSES {
        let order = order_in(status, (status == Status::DeliveryFailed).then_some(2));
        let held = after_if(&order, "c-1");
        for actor in ACTORS {
            for (order, courier) in
                [(Some(&order), Some("c-2")), (held.as_ref(), None), (held.as_ref(), Some("c-2"))]
            {
                let Some(order) = order else { continue };
                match answer(order, &assign("a", actor, courier)) {
                    Decision::Fact(fact) => {
                        assert!(may(status, actor), "{status} {actor}");
                        assert_eq!((fact.status, fact.version), (status, order.version.next()));
                        assert_eq!(fact.change, Change::Assigned { courier_id: courier.map(party) });
                    }
                    Decision::Rejected(Rejection::AssignmentNotPermitted {
                        current,
                        actor: of,
                        permitted,
                    }) => {
                        assert!(!may(status, actor), "{status} {actor}");
                        assert_eq!((current, of), (status, actor));
                        assert!(
                            ACTORS.into_iter().all(|actor| permitted.contains(&actor) == may(status, actor))
                        );
                    }
                    other => panic!("{status} {actor}: {other:?}"),
                }
            }
        }
    }
}

/// The order with this courier, where one can be assigned.
fn after_if(order: &Order, courier: &str) -> Option<Order> {
    may(order.status, Actor::Operator).then(|| after(order, &assign("first", Actor::Operator, Some(courier))))
}

#[test]
fn an_assignment_keeps_status_deadline_attempts_and_lateness() {
    for status in STATUSES.into_iter().filter(|status| may(*status, Actor::Operator)) {
        let mut entered = order_in(status, (status == Status::DeliveryFailed).then_some(2));
        entered.deadline = Policy::manual().deadline(status, at(0), false);
        let mut late = given::fact(entered.version.0 + 1, status, Change::Late);
        late.deadline = entered.deadline;
        for order in [entered.clone(), evolve(Some(entered), &late).unwrap()] {
            let assigned = after(&order, &assign("a", Actor::Operator, Some("c-1")));
            let kept = |order: &Order| {
                (order.status, order.deadline, order.attempts_left, order.delivery_attempts, order.late)
            };
            assert_eq!(kept(&assigned), kept(&order));
            assert_eq!(assigned.courier_id, Some(party("c-1")));
            assert_eq!((assigned.version, assigned.updated_at), (order.version.next(), at(9000)));
            assert_eq!(assigned.entered(), order.entered(), "the order entered its status before");
            assert_eq!(assigned.allowed_transitions, order.allowed_transitions);
            let read = Order::from_document(&assigned.to_document()).unwrap();
            assert_eq!(read, assigned);
        }
    }
}

#[test]
fn the_history_shows_each_change_and_null_for_a_cleared_courier() {
    let order = order_in(Status::Preparing, None);
    let assigned = after(&order, &assign("a", Actor::Merchant, Some("c-1")));
    let cleared = after(&assigned, &assign("b", Actor::Merchant, None));
    let changes: Vec<_> = cleared.history.iter().filter_map(|entry| entry.assignment.clone()).collect();
    assert_eq!(
        changes,
        [Assignment::new(Some(party("c-1")), None), Assignment::new(None, Some(party("c-1")))]
    );
    let document: serde_json::Value = serde_json::from_slice(&cleared.to_document()).unwrap();
    assert_eq!(document["history"][2]["assignment"], serde_json::json!({"courier_id": "c-1"}));
    assert!(document["history"][3]["assignment"]["courier_id"].is_null());
    assert!(document["history"][3]["assignment"].as_object().unwrap().contains_key("courier_id"));
    assert_eq!(document["history"][1].get("assignment"), None);
}

#[test]
fn a_courier_claims_and_releases_for_itself_only() {
    let courier = |id: &str, own: &str, courier| assign(id, Actor::Courier, courier).with_party(party(own));
    let open = order_in(Status::ReadyForPickup, None);
    let claimed = after(&open, &courier("a", "c-1", Some("c-1")));
    assert_eq!(claimed.courier_id, Some(party("c-1")));
    // It does not assign another courier to its order.
    let Decision::Rejected(Rejection::AssignmentNotPermitted { permitted, .. }) =
        answer(&claimed, &courier("b", "c-1", Some("c-2")))
    else {
        panic!("a courier assigned another one")
    };
    assert_eq!(permitted, [Actor::Merchant, Actor::Operator]);
    // Nothing but a claim that may succeed shows that an order without a courier exists.
    let mut ended = open.clone();
    ended.status = Status::Cancelled;
    for (order, wanted) in [(&open, Some("c-2")), (&open, None), (&ended, Some("c-1")), (&ended, None)] {
        assert_eq!(code(order, &courier("g", "c-1", wanted)), "not_found", "{wanted:?}");
    }
    // The order of another courier does not exist for it.
    for wanted in [Some("c-2"), Some("c-1"), None] {
        assert_eq!(code(&claimed, &courier("c", "c-2", wanted)), "not_found", "{wanted:?}");
    }
    let released = after(&claimed, &courier("d", "c-1", None));
    assert_eq!(released.courier_id, None);
    assert_eq!(code(&released, &courier("d", "c-1", None)), "not_found", "it is no longer the courier's");
    // Once the order is out, the courier keeps it.
    let mut out = claimed;
    out.status = Status::OutForDelivery;
    assert_eq!(code(&out, &courier("e", "c-1", None)), "assignment_not_permitted");
    // A courier without a party, of a server without authentication, may set any.
    assert_eq!(after(&open, &assign("f", Actor::Courier, Some("c-9"))).courier_id, Some(party("c-9")));
    // A claim opens nothing else: a transition of an order without a courier is not found.
    let go = request(Actor::Courier, Command::Transition { to: Status::OutForDelivery });
    assert_eq!(code(&open, &go.with_party(party("c-1"))), "not_found");
}

#[test]
fn a_merchant_assigns_couriers_of_its_own_orders_only() {
    let placement = Placement::new().with_merchant(party("m-1"));
    let order = evolve(None, &given::fact(1, Status::Placed, Change::Placed(placement))).unwrap();
    let own = assign("a", Actor::Merchant, Some("c-1")).with_party(party("m-1"));
    assert_eq!(after(&order, &own).courier_id, Some(party("c-1")));
    let foreign = assign("a", Actor::Merchant, Some("c-1")).with_party(party("m-2"));
    assert_eq!(code(&order, &foreign), "not_found");
}

#[test]
fn repetitions_change_nothing_and_stale_versions_are_rejected() {
    let order = order_in(Status::Confirmed, None);
    let claim = assign("a", Actor::Operator, Some("c-1")).with_expected_version(Version(2));
    let assigned = after(&order, &claim);
    // The request again, and another request for the same courier, by its own version or by the current one.
    assert_eq!(answer(&assigned, &claim), Decision::Unchanged);
    for expected in [None, Some(2), Some(3)] {
        let mut again = assign("b", Actor::Operator, Some("c-1"));
        again.expected_version = expected.map(Version);
        assert_eq!(answer(&assigned, &again), Decision::Unchanged, "{expected:?}");
    }
    for (courier, expected) in [("c-2", 2), ("c-2", 9), ("c-1", 1), ("c-1", 9)] {
        let stale = assign("c", Actor::Operator, Some(courier)).with_expected_version(Version(expected));
        assert_eq!(code(&assigned, &stale), "stale_version", "{courier} {expected}");
    }
    // An assignment is a version of its own: a transition that expects the one before it is stale.
    let prepare = request(Actor::Merchant, Command::Transition { to: Status::Preparing });
    assert_eq!(code(&assigned, &prepare.with_expected_version(Version(2))), "stale_version");
    // One request id with another courier, actor or command.
    let cancel = Request::new("a".parse().unwrap(), order.order_id, Actor::Operator, Command::Cancel, at(0));
    let others =
        [assign("a", Actor::Operator, Some("c-2")), assign("a", Actor::Merchant, Some("c-1")), cancel];
    for other in others {
        assert_eq!(code(&assigned, &other), "id_conflict", "{other:?}");
    }
    assert_eq!(code(&order_in(Status::Delivered, None), &claim), "assignment_not_permitted");
}

#[test]
fn a_placement_is_repeated_after_the_courier_changed() {
    let placement = Placement::new().with_courier(party("c-1"));
    let place = Command::Place(placement.clone());
    let order = evolve(None, &given::fact(1, Status::Placed, Change::Placed(placement))).unwrap();
    let order = after(&order, &assign("a", Actor::Operator, Some("c-2")));
    let order = after(&order, &assign("b", Actor::Operator, None));
    assert_eq!(answer(&order, &request(Actor::Customer, place)), Decision::Unchanged);
    let other = Command::Place(Placement::new().with_courier(party("c-2")));
    assert_eq!(code(&order, &request(Actor::Customer, other)), "id_conflict");
}

#[test]
fn both_couriers_and_the_merchant_are_notified() {
    let placement = Placement::new().with_merchant(party("m-1")).with_courier(party("c-1"));
    let order = evolve(None, &given::fact(1, Status::Placed, Change::Placed(placement))).unwrap();
    let recipients = |order: &Order, courier| {
        let change = fact(order, &assign("a", Actor::Operator, courier));
        let order = evolve(Some(order.clone()), &change).unwrap();
        let notification = Notification::of(&change, &order);
        assert_eq!(notification.assignment, order.history.last().unwrap().assignment);
        let recipients = notification.recipients.into_iter();
        recipients.map(|to| (to.role, to.party.unwrap().to_string())).collect::<Vec<_>>()
    };
    let to = |role, id: &str| (role, id.to_owned());
    let merchant = || to(Actor::Merchant, "m-1");
    assert_eq!(
        recipients(&order, Some("c-2")),
        [to(Actor::Courier, "c-2"), to(Actor::Courier, "c-1"), merchant()]
    );
    assert_eq!(recipients(&order, None), [to(Actor::Courier, "c-1"), merchant()]);
    let open = after(&order, &assign("b", Actor::Operator, None));
    assert_eq!(recipients(&open, Some("c-2")), [to(Actor::Courier, "c-2"), merchant()]);
}
