//! The ids of reactions, what decides about a repetition, and replies.

use std::collections::BTreeSet;

use super::*;
use crate::ids::{Offset, Timestamp, Version};
use crate::lifecycle::{Actor, Status};
use crate::limits::{REACTED_VERSION_MAX, REACTIONS_MAX};
use crate::notify::Notification;
use crate::request::{Command, Placement, Request};
use crate::{Decision, Order, Policy, Rejection, decide, evolve};

const NOW: i64 = 1_790_000_000_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW)
}

fn authority(name: &str) -> Authority {
    Authority::of_reactor(&ReactorName::parse(name).unwrap(), Actor::Merchant)
}

fn notification(version: u64) -> Notification {
    Notification::new("o-1".parse().unwrap(), Version(version), Status::Placed, now())
}

fn confirm() -> Vec<Reaction> {
    vec![Reaction::transition(Status::Confirmed)]
}

#[test]
fn ids_follow_from_the_fact_the_reactor_and_the_index_alone() {
    let twice = [confirm(), confirm()].concat();
    let of =
        |name, version| requests(&authority(name), &notification(version), twice.clone(), now()).unwrap();
    assert_eq!(of("payments", 1), of("payments", 1));
    let all = [of("payments", 1), of("payments", 2), of("printer", 1)].concat();
    let ids: BTreeSet<_> = all.iter().map(|request| request.id.clone()).collect();
    assert_eq!(ids.len(), all.len());
    let later = requests(&authority("payments"), &notification(1), confirm(), now().after_millis(5)).unwrap();
    assert_eq!(later[0].id, of("payments", 1)[0].id, "a repetition comes later");
}

#[test]
fn a_reactor_acts_in_its_role_and_is_named_in_the_history() {
    let authority = authority("payments").with_party("m-1".parse().unwrap());
    let request = requests(&authority, &notification(1), confirm(), now()).unwrap().remove(0);
    assert_eq!((request.actor, request.party), (Actor::Merchant, Some("m-1".parse().unwrap())));
    assert_eq!(request.by, Some("reactor:payments".parse().unwrap()));
}

#[test]
fn there_is_a_limit_and_no_placement() {
    let many = vec![Reaction::cancel(); REACTIONS_MAX + 1];
    let refused = |reactions| requests(&authority("a"), &notification(1), reactions, now()).unwrap_err();
    assert_eq!(refused(many), InvalidReaction::TooMany(REACTIONS_MAX + 1));
    let place = Reaction::new(Command::Place(Placement::new()));
    assert_eq!(refused(vec![place]), InvalidReaction::Placement);
    let answer = |version, reactions| requests(&authority("a"), &notification(version), reactions, now());
    assert!(answer(REACTED_VERSION_MAX, confirm()).is_ok());
    let late = REACTED_VERSION_MAX + 1;
    assert_eq!(answer(late, confirm()), Err(InvalidReaction::TooManyFacts(late)), "a loop ends");
    assert_eq!(answer(late, Vec::new()), Ok(Vec::new()));
}

fn decided(order: Option<&Order>, request: &Request, offset: u64) -> Decision {
    decide(order, request, Offset(offset), now(), &Policy::manual())
}

fn placed() -> Order {
    let place = Command::Place(Placement::new());
    let request = Request::new("r-1".parse().unwrap(), "o-1".parse().unwrap(), Actor::Customer, place, now());
    let Decision::Fact(fact) = decided(None, &request, 0) else { panic!("not placed") };
    evolve(None, &fact).unwrap()
}

#[test]
fn a_repetition_changes_nothing_even_if_the_order_has_moved_on() {
    let order = placed();
    let request = requests(&authority("payments"), &notification(1), confirm(), now()).unwrap().remove(0);
    let Decision::Fact(fact) = decided(Some(&order), &request, 1) else { panic!("not confirmed") };
    let order = evolve(Some(order), &fact).unwrap();
    assert_eq!(decided(Some(&order), &request, 2), Decision::Unchanged);
    let on = vec![Reaction::transition(Status::Preparing)];
    let next = requests(&authority("printer"), &notification(2), on, now()).unwrap().remove(0);
    let Decision::Fact(fact) = decided(Some(&order), &next, 3) else { panic!("not preparing") };
    let order = evolve(Some(order), &fact).unwrap();
    assert_eq!(decided(Some(&order), &request, 4), Decision::Unchanged);
    // A reactor that answers differently the second time does not get both.
    let other = requests(&authority("payments"), &notification(1), vec![Reaction::cancel()], now()).unwrap();
    assert_eq!(decided(Some(&order), &other[0], 5), Decision::Rejected(Rejection::IdConflict));
}

#[test]
fn a_reply_has_requests_with_their_conditions() {
    let body = br#"{"requests":[
        {"type":"transition","status":"CONFIRMED","expected_version":1,"reason":"paid"},
        {"type":"cancel"},
        {"type":"assign","courier_id":"c-1"},
        {"type":"assign","courier_id":null}
    ]}"#;
    let confirm = Reaction::transition(Status::Confirmed)
        .with_expected_version(Version(1))
        .with_reason("paid".parse().unwrap());
    let wanted =
        vec![confirm, Reaction::cancel(), Reaction::assign("c-1".parse().unwrap()), Reaction::unassign()];
    assert_eq!(parse_reply(body), Ok(wanted));
    assert_eq!(parse_reply(b""), Ok(Vec::new()));
    assert_eq!(parse_reply(br#"{"requests":[],"more":1}"#), Ok(Vec::new()));
}

#[test]
fn any_other_reply_is_an_error() {
    let many = format!(r#"{{"requests":[{}]}}"#, [r#"{"type":"cancel"}"#; REACTIONS_MAX + 1].join(","));
    let long = format!(r#"{{"requests":[],"x":"{}"}}"#, "x".repeat(64 * 1024));
    for body in [
        "ok",
        "{}",
        "[]",
        r#"{"requests":[{"type":"place"}]}"#,
        r#"{"requests":[{"type":"assign"}]}"#,
        r#"{"requests":[{"type":"transition","status":"NOWHERE"}]}"#,
        r#"{"requests":[{"type":"cancel","expectd_version":3}]}"#,
        &many,
        &long,
    ] {
        assert!(parse_reply(body.as_bytes()).is_err(), "{body:.60}");
    }
}
