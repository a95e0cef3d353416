//! Requests of parties: an order of another party does not exist for them, and facts carry the subject.

mod given;

use given::{at, request};
use logistics_core::{
    Actor, Command, Decision, Fact, Offset, Order, PartyId, Placement, Policy, Rejection, Request, RequestId,
    Status, Subject, Version, decide, decide_due, evolve,
};

fn party(id: &str) -> PartyId {
    id.parse().unwrap()
}

fn subject(name: &str) -> Subject {
    name.parse().unwrap()
}

/// A placed order of customer-1, merchant-1 and courier-1.
fn order() -> Order {
    let placement = Placement::new()
        .with_customer(party("customer-1"))
        .with_merchant(party("merchant-1"))
        .with_courier(party("courier-1"));
    let place = request(Actor::Customer, Command::Place(placement)).with_by(subject("jwt:alice"));
    evolve(None, &fact(None, &place)).unwrap()
}

fn answer(order: Option<&Order>, request: &Request) -> Decision {
    decide(order, request, Offset(1), at(0), &Policy::simulate(1000))
}

fn fact(order: Option<&Order>, request: &Request) -> Fact {
    match answer(order, request) {
        Decision::Fact(fact) => *fact,
        other => panic!("{other:?}"),
    }
}

fn ask(id: &str, actor: Actor, command: Command) -> Request {
    let mut request = request(actor, command);
    request.id = RequestId::parse(id).unwrap();
    request
}

#[test]
fn an_order_of_another_party_is_answered_as_an_order_that_does_not_exist() {
    let commands = [
        Command::Cancel,
        Command::Transition { to: Status::Confirmed },
        Command::Transition { to: Status::Placed },
        Command::Transition { to: Status::Delivered },
    ];
    let order = order();
    for actor in [Actor::Customer, Actor::Merchant, Actor::Courier, Actor::Operator, Actor::System] {
        for command in commands.clone() {
            for expected in [None, Some(Version(1)), Some(Version(9))] {
                // A party in the role of the operator or the system is no party of any order.
                let mut foreign = ask("foreign", actor, command.clone()).with_party(party("other-1"));
                foreign.expected_version = expected;
                let unknown = answer(None, &foreign);
                assert_eq!(unknown, Decision::Rejected(Rejection::NotFound));
                assert_eq!(answer(Some(&order), &foreign), unknown, "{foreign:?}");
            }
        }
    }
}

#[test]
fn a_party_moves_its_own_order_in_its_own_role_only() {
    let order = order();
    let confirm = |actor| ask("confirm", actor, Command::Transition { to: Status::Confirmed });
    let own = confirm(Actor::Merchant).with_party(party("merchant-1"));
    assert_eq!(fact(Some(&order), &own).status, Status::Confirmed);
    // The same id in another role is another party.
    let other_role = confirm(Actor::Courier).with_party(party("merchant-1"));
    assert_eq!(answer(Some(&order), &other_role), Decision::Rejected(Rejection::NotFound));
    // Its own order in a role without the permission gets the reason.
    let courier = confirm(Actor::Courier).with_party(party("courier-1"));
    let Decision::Rejected(rejection) = answer(Some(&order), &courier) else { panic!() };
    assert_eq!(rejection.code(), "not_permitted");
    // Without a party, every order is reached.
    assert_eq!(fact(Some(&order), &confirm(Actor::Merchant)).status, Status::Confirmed);
}

#[test]
fn an_order_without_the_party_does_not_exist_for_any_party_of_that_role() {
    let place = request(Actor::Customer, Command::Place(Placement::default()));
    let order = evolve(None, &fact(None, &place)).unwrap();
    let cancel = ask("cancel", Actor::Merchant, Command::Cancel).with_party(party("merchant-1"));
    assert_eq!(answer(Some(&order), &cancel), Decision::Rejected(Rejection::NotFound));
}

#[test]
fn a_foreign_party_that_repeats_a_request_id_learns_nothing() {
    let order = order();
    let cancel = ask("cancel", Actor::Customer, Command::Cancel).with_party(party("customer-1"));
    let cancelled = evolve(Some(order.clone()), &fact(Some(&order), &cancel)).unwrap();
    assert_eq!(answer(Some(&cancelled), &cancel), Decision::Unchanged);
    let foreign = cancel.with_party(party("customer-2"));
    assert_eq!(answer(Some(&cancelled), &foreign), Decision::Rejected(Rejection::NotFound));
}

#[test]
fn a_fact_and_its_history_entry_carry_the_subject_of_the_request() {
    let order = order();
    assert_eq!(order.history[0].by, Some(subject("jwt:alice")));
    let confirm = ask("confirm", Actor::Merchant, Command::Transition { to: Status::Confirmed })
        .with_by(subject("key:acme-shop"));
    let confirmed = evolve(Some(order.clone()), &fact(Some(&order), &confirm)).unwrap();
    assert_eq!(confirmed.history[1].by, Some(subject("key:acme-shop")));
    let anonymous = ask("confirm", Actor::Merchant, Command::Transition { to: Status::Confirmed });
    assert_eq!(fact(Some(&order), &anonymous).by, None);
    // A timer has none, whatever the fact before it has.
    let due = confirmed.due().unwrap();
    let prepared = decide_due(&confirmed, Offset(9), due, &Policy::simulate(1000)).unwrap();
    assert_eq!((prepared.status, prepared.by), (Status::Preparing, None));
    // A document without subjects is the same as before there were any.
    let json = String::from_utf8(confirmed.to_document()).unwrap();
    assert_eq!(json.matches("\"by\"").count(), 2, "{json}");
    assert_eq!(Order::from_document(json.as_bytes()).unwrap(), confirmed);
}

#[test]
fn one_request_id_of_two_subjects_is_a_conflict() {
    let order = order();
    let confirm = ask("one", Actor::Merchant, Command::Transition { to: Status::Confirmed });
    let alice = confirm.clone().with_by(subject("jwt:alice"));
    let mut confirmed = evolve(Some(order.clone()), &fact(Some(&order), &alice)).unwrap();
    assert_eq!(answer(Some(&confirmed), &alice), Decision::Unchanged);
    for other in [confirm.clone(), confirm.with_by(subject("jwt:bob"))] {
        assert_eq!(answer(Some(&confirmed), &other), Decision::Rejected(Rejection::IdConflict));
    }
    // A document of an earlier release names no subject.
    confirmed.history[1].by = None;
    assert_eq!(answer(Some(&confirmed), &alice), Decision::Unchanged);
}
