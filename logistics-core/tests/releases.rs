//! Records and documents of another release: with lists that this build would derive otherwise, and with a status that it
//! does not know.

mod given;

use given::{at, order_in};
use logistics_core::lifecycle::STATUSES;
use logistics_core::notify::Notification;
use logistics_core::port::LogRecord;
use logistics_core::wire::{self, DecodeError, Record, RecordError};
use logistics_core::{
    Cause, Change, Fact, Offset, Order, OrderId, Outcome, OutcomeKind, Partition, Placement, Rejection,
    RequestId, RequestOutcome, Status, Version,
};
use serde_json::{Value, json};

const HERE: Partition = Partition(0);

/// A status of a later release.
const UNKNOWN: &str = "SHREDDED";

fn decoded(payload: &str) -> Result<Record, DecodeError> {
    let payload = payload.as_bytes().to_vec().into();
    wire::decode(&LogRecord { headers: Vec::new(), offset: Offset(7), key: None, payload, at: at(0) }, HERE)
}

fn text(record: impl AsRef<[u8]>) -> String {
    String::from_utf8(record.as_ref().to_vec()).unwrap()
}

fn fact(status: Status, change: Change) -> Fact {
    let mut fact = given::fact(2, status, change);
    fact.cause = Cause::Request { request: request(), offset: Offset(3) };
    fact
}

fn request() -> RequestId {
    RequestId::parse("request").unwrap()
}

fn outcome(result: OutcomeKind) -> String {
    let mut outcome = Outcome::new(Offset(3), result);
    outcome.order_id = Some(OrderId::parse("order").unwrap());
    outcome.request = Some(request());
    text(wire::encode_outcome(&outcome, HERE, at(0)))
}

fn illegal() -> Rejection {
    let allowed = order_in(Status::Confirmed, None).allowed(None);
    Rejection::IllegalTransition { current: Status::Confirmed, requested: Status::Returned, allowed }
}

#[test]
fn a_document_is_read_whatever_its_list_is() {
    for status in STATUSES {
        for attempts_left in [None, Some(0), Some(2)] {
            let written = order_in(status, attempts_left).to_document();
            let written: Value = serde_json::from_slice(&written).unwrap();
            let order = Order::from_document(written.to_string().as_bytes()).unwrap();
            for list in [None, Some(json!([])), Some(json!([UNKNOWN, "PLACED"])), Some(json!({"a": 1}))] {
                let mut document = written.clone();
                let fields = document.as_object_mut().unwrap();
                fields.remove("allowed_transitions").expect("the document has the list");
                fields.extend(list.map(|list| ("allowed_transitions".to_owned(), list)));
                let read = Order::from_document(document.to_string().as_bytes()).unwrap();
                assert_eq!(read, order, "{document}");
                assert_eq!(read.to_document(), order.to_document());
            }
        }
    }
}

#[test]
fn the_outcome_of_a_rejected_request_is_read_whatever_its_list_is() {
    let written = outcome(OutcomeKind::Rejected(illegal()));
    let list = r#""allowed":["PREPARING","CANCELLED"]"#;
    assert!(written.contains(list), "{written}");
    let expected = decoded(&written).unwrap();
    assert_eq!(decoded(&written.replace(&format!(",{list}"), "")).unwrap(), expected, "without the list");
    let longer = format!(r#""allowed":["PREPARING","{UNKNOWN}","CANCELLED"]"#);
    assert_eq!(decoded(&written.replace(list, &longer)).unwrap(), expected, "with an unknown status");

    // The store holds outcomes for requests that wait.
    let outcome = RequestOutcome::Rejected { rejection: illegal() };
    let stored = serde_json::to_string(&outcome).unwrap().replace(list, &longer);
    assert_eq!(serde_json::from_str::<RequestOutcome>(&stored).unwrap(), outcome);
}

/// Every record of an owner that can name a status, with the unknown one in its place.
fn with_unknown_status() -> Vec<String> {
    let (known, unknown) = (Status::Returned, format!("\"{UNKNOWN}\""));
    let replaced = |record: String| {
        let record = record.replace("\"RETURNED\"", &unknown);
        record.replace("logistics.order.returned", "logistics.order.shredded")
    };
    let current = Rejection::IllegalTransition { current: known, requested: Status::Placed, allowed: vec![] };
    vec![
        replaced(text(wire::encode_fact(&fact(known, Change::Moved)))),
        replaced(text(wire::encode_fact(&fact(known, Change::Late)))),
        replaced(outcome(OutcomeKind::Unchanged { version: Version(2), status: known })),
        replaced(outcome(OutcomeKind::Rejected(illegal()))),
        replaced(outcome(OutcomeKind::Rejected(current))),
    ]
}

#[test]
fn a_record_of_an_owner_with_an_unknown_status_is_of_a_newer_release() {
    for record in with_unknown_status() {
        let error = decoded(&record).unwrap_err();
        assert!(error.is_newer(), "{error}: {record}");
        assert_eq!(error.error, RecordError::UnknownStatus(UNKNOWN.to_owned()), "{record}");
        // Any producer can write it; only an owner's counts.
        let error = decoded(&record.replace(wire::PROCESSOR_SOURCE, "/elsewhere")).unwrap_err();
        assert!(!error.is_newer(), "{error}: {record}");
    }
    let notification = Notification::of(&fact(Status::Returned, Change::Moved), &Placement::default());
    let notification = text(wire::encode_notification(&notification)).replace("RETURNED", UNKNOWN);
    let error = wire::decode_notification(notification.as_bytes()).unwrap_err();
    assert!(error.is_newer() && error.error == RecordError::UnknownStatus(UNKNOWN.to_owned()), "{error}");
    let elsewhere = notification.replace(wire::PROCESSOR_SOURCE, "/elsewhere");
    assert!(!wire::decode_notification(elsewhere.as_bytes()).unwrap_err().is_newer());
}

#[test]
fn other_unreadable_records_of_an_owner_stay_foreign() {
    let [entered, late, ..] = &with_unknown_status()[..] else { unreachable!() };
    for record in [
        // The type is not that of the status.
        entered.replace("order.shredded", "order.baked"),
        entered.replace("order.shredded", "order.returned"),
        // Not a name of a status.
        late.replace(UNKNOWN, "shredded"),
        late.replace(UNKNOWN, ""),
        late.replace(UNKNOWN, "\\u001b[31mRED"),
        late.replace(UNKNOWN, &"X".repeat(33)),
        // The status is known, something else is not.
        late.replace(UNKNOWN, "RETURNED").replace("operator", "cook"),
    ] {
        let error = decoded(&record).unwrap_err();
        assert!(error.from_processor && !error.is_newer(), "{error}: {record}");
    }
}
