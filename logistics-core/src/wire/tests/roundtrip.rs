//! A value that is written is read as the same value.

use proptest::prelude::*;

use super::*;
use crate::contact::{Contact, Contacts};
use crate::details::Details;
use crate::fact::{Cause, Change};
use crate::ids::{PartyId, Reason, RequestId, Subject, TraceParent, Version};
use crate::lifecycle::{ACTORS, STATUSES};
use crate::outcome::OutcomeKind;
use crate::policy::{Deadline, DeadlineKind};
use crate::rejection::Rejection;
use crate::request::Placement;

const CASES: u32 = 256;

fn order_id() -> impl Strategy<Value = OrderId> {
    text("[A-Za-z0-9_-]{1,64}", OrderId::parse)
}

fn text<T: std::fmt::Debug, E: std::fmt::Debug>(
    pattern: &'static str,
    parse: fn(&str) -> Result<T, E>,
) -> impl Strategy<Value = T> {
    pattern.prop_map(move |text| parse(&text).unwrap())
}

fn request_id() -> impl Strategy<Value = RequestId> {
    text("[^\\p{Cc}]{1,32}", RequestId::parse)
}

fn by() -> impl Strategy<Value = Option<Subject>> {
    proptest::option::of(text("[^\\p{Cc}]{1,60}", Subject::parse))
}

fn party() -> impl Strategy<Value = Option<PartyId>> {
    proptest::option::of(text("[^\\p{Cc}]{1,32}", PartyId::parse))
}

fn reason() -> impl Strategy<Value = Option<Reason>> {
    proptest::option::of(text("[^\\p{Cc}]{1,60}", Reason::parse))
}

fn trace() -> impl Strategy<Value = Option<TraceParent>> {
    proptest::option::of(text("00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", TraceParent::parse))
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn status() -> impl Strategy<Value = Status> {
    proptest::sample::select(STATUSES.to_vec())
}

fn actor() -> impl Strategy<Value = Actor> {
    proptest::sample::select(ACTORS.to_vec())
}

fn details() -> impl Strategy<Value = Details> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|it| it.to_string()),
        any::<i64>().prop_map(|it| it.to_string()),
        (any::<i32>(), 0..99_u8).prop_map(|(whole, rest)| format!("{whole}.{rest}e2")),
        "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let json = leaf.prop_recursive(4, 24, 4, |inner| {
        let pair = ("[a-z]{1,6}", inner.clone()).prop_map(|(key, value)| format!("\"{key}\" : {value}"));
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(", "))),
            proptest::collection::vec(pair, 0..4).prop_map(|all| format!("{{{}}}", all.join(","))),
        ]
    });
    json.prop_map(|json| Details::parse(&json).unwrap())
}

fn placement() -> impl Strategy<Value = Placement> {
    // Details of `null` are written as null, and read as no details.
    let details = proptest::option::of(details().prop_filter("null is none", |it| it.as_str() != "null"));
    let parts = (party(), party(), party(), details, contacts());
    parts.prop_map(|(customer_id, merchant_id, courier_id, details, contacts)| Placement {
        customer_id,
        merchant_id,
        courier_id,
        details,
        contacts,
    })
}

fn contacts() -> impl Strategy<Value = Contacts> {
    let language = proptest::option::of("[a-z]{2,8}(-[A-Z0-9]{1,8}){0,2}");
    let contact = ("[a-z0-9+#'_][a-z0-9+#'_-]{0,63}", "[a-z0-9]{1,63}", language).prop_map(
        |(local, domain, language)| {
            let mut contact = Contact::new(format!("{local}@{domain}.example").parse().unwrap());
            contact.language = language.map(|tag| tag.parse().unwrap());
            contact
        },
    );
    let one = proptest::option::of(contact);
    (one.clone(), one).prop_map(|(customer, merchant)| {
        let mut contacts = Contacts::new();
        (contacts.customer, contacts.merchant) = (customer, merchant);
        contacts
    })
}

prop_compose! {
    fn request()(
        id in request_id(),
        order_id in order_id(),
        (actor, by, party) in (actor(), by(), party()),
        command in prop_oneof![
            placement().prop_map(Command::Place),
            status().prop_map(|to| Command::Transition { to }),
            Just(Command::Cancel),
            Just(Command::RevokeTracking),
            party().prop_map(|courier_id| Command::Assign { courier_id }),
        ],
        expected_version in proptest::option::of(any::<u64>().prop_map(Version)),
        reason in reason(),
        awaited in any::<bool>(),
        trace in trace(),
        at in time(),
    ) -> Request {
        Request { id, order_id, actor, by, party, command, expected_version, reason, awaited, trace, at }
    }
}

fn deadline_kind() -> impl Strategy<Value = DeadlineKind> {
    use DeadlineKind::{Advance, Expire, Late, Return};
    proptest::sample::select(vec![Advance, Expire, Return, Late])
}

prop_compose! {
    fn fact()(
        (order_id, version, at, actor) in (order_id(), any::<u64>().prop_map(Version), time(), actor()),
        (status, late, revoked, courier)
            in (status(), any::<bool>(), any::<bool>(), proptest::option::of(party())),
        placement in placement(),
        (by, reason, trace) in (by(), reason(), trace()),
        cause in prop_oneof![
            (request_id(), any::<u64>())
                .prop_map(|(request, offset)| Cause::Request { request, offset: Offset(offset) }),
            (deadline_kind(), any::<u64>()).prop_map(|(timer, offset)| Cause::Timer { timer, offset: Offset(offset) }),
        ],
        deadline in proptest::option::of((time(), deadline_kind()).prop_map(|(at, kind)| Deadline { at, kind })),
        attempts_left in proptest::option::of(any::<u32>()),
    ) -> Fact {
        let change = match status {
            _ if late => Change::Late,
            _ if revoked => Change::TrackingRevoked,
            _ if courier.is_some() => Change::Assigned { courier_id: courier.flatten() },
            Status::Placed => Change::Placed(placement),
            _ => Change::Moved,
        };
        Fact { order_id, version, status, change, at, actor, by, reason, cause, deadline, attempts_left, trace }
    }
}

fn rejection() -> impl Strategy<Value = Rejection> {
    let statuses = || proptest::collection::vec(status(), 0..4);
    let version = || any::<u64>().prop_map(Version);
    prop_oneof![
        Just(Rejection::NotFound),
        Just(Rejection::IdConflict),
        (status(), actor(), proptest::collection::vec(actor(), 0..3)).prop_map(
            |(current, actor, permitted)| { Rejection::AssignmentNotPermitted { current, actor, permitted } }
        ),
        status().prop_map(|current| Rejection::TrackingNotRevocable { current }),
        actor().prop_map(|actor| Rejection::PlacementNotPermitted { actor }),
        (version(), version()).prop_map(|(current, expected)| Rejection::StaleVersion { current, expected }),
        (any::<u32>(), statuses())
            .prop_map(|(attempts, allowed)| Rejection::AttemptsExhausted { attempts, allowed }),
        (status(), status(), statuses()).prop_map(|(current, requested, allowed)| {
            Rejection::IllegalTransition { current, requested, allowed }
        }),
        (status(), status(), actor(), proptest::collection::vec(actor(), 0..3), statuses()).prop_map(
            |(current, requested, actor, permitted, allowed)| {
                Rejection::NotPermitted { current, requested, actor, permitted, allowed }
            }
        ),
    ]
}

prop_compose! {
    fn outcome()(
        offset in any::<u64>().prop_map(Offset),
        order_id in proptest::option::of(order_id()),
        request in proptest::option::of(request_id()),
        result in prop_oneof![
            (any::<u64>(), status()).prop_map(|(version, status)| {
                OutcomeKind::Unchanged { version: Version(version), status }
            }),
            rejection().prop_map(OutcomeKind::Rejected),
            any::<u32>().prop_map(|to| OutcomeKind::Forwarded { to: Partition(to) }),
            "\\PC{0,40}".prop_map(|reason| OutcomeKind::DeadLettered { reason }),
        ],
    ) -> Outcome {
        Outcome { offset, order_id, request, result }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    #[test]
    fn requests(request in request()) {
        let bytes = encode_request(&request);
        prop_assert!(!is_surely_from_processor(&bytes));
        prop_assert_eq!(decode(&record(bytes), HERE), Ok(Record::Input(request)));
    }

    #[test]
    fn facts_and_their_notifications(fact in fact(), placement in placement()) {
        let notification = Notification::of(&fact, &placement);
        prop_assert_eq!(decode_notification(&encode_notification(&notification)), Ok(notification));
        let bytes = encode_fact(&fact);
        prop_assert!(is_surely_from_processor(&bytes));
        prop_assert_eq!(decode(&record(bytes), HERE), Ok(Record::Fact(fact)));
    }

    #[test]
    fn outcomes(outcome in outcome(), at in time()) {
        let bytes = encode_outcome(&outcome, HERE, at);
        prop_assert!(is_surely_from_processor(&bytes));
        prop_assert_eq!(decode(&record(bytes), HERE), Ok(Record::Outcome(outcome)));
    }
}
