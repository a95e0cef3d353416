//! Events in binary mode: the attributes are headers.

use super::*;
use crate::port::Header;

const PLACEMENT: &str = "logistics.order.placement.requested";

fn header(name: &str, value: impl Into<Bytes>) -> Header {
    Header { name: name.to_owned(), value: value.into() }
}

fn binary(kind: &str, data: &str) -> LogRecord {
    let headers = vec![
        header("ce_specversion", "1.0"),
        header("CE_Type", kind.to_owned()),
        header("ce_source", "/shop"),
        header("ce_id", "e1"),
        header("ce_subject", "o1"),
        header("ce_time", "2026-01-31T12:00:00.250Z"),
        header("ce_dataschema", DATA_SCHEMA),
        header("ce_traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        header("Content-Type", "application/json"),
    ];
    LogRecord { headers, ..record(data.to_owned()) }
}

fn request(record: &LogRecord) -> Request {
    match decode(record, HERE) {
        Ok(Record::Input(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn set(record: &mut LogRecord, name: &str, value: impl Into<Bytes>) {
    record.headers.retain(|header| header.name != name);
    record.headers.push(header(name, value));
}

#[test]
fn an_event_in_binary_mode_is_read_like_a_structured_one() {
    let data = r#" {"order_id":"o1","status":"PLACED","customer_id":"c7","details":{"x":1.0}} "#;
    let placed = request(&binary(PLACEMENT, data));
    assert_eq!((placed.id.as_str(), placed.order_id.as_str()), ("e1", "o1"));
    assert_eq!(
        (placed.actor, placed.at.to_string()),
        (Actor::Customer, "2026-01-31T12:00:00.250Z".to_owned())
    );
    assert!(placed.trace.is_some());
    let Command::Place(placement) = &placed.command else { panic!("{placed:?}") };
    assert_eq!(placement.customer_id.as_ref().map(|id| id.as_str()), Some("c7"));
    assert_eq!(placement.details.as_ref().map(|details| details.as_str()), Some(r#"{"x":1.0}"#));

    for (kind, command) in [
        ("logistics.order.transition.requested", Command::Transition { to: Status::Cancelled }),
        ("logistics.order.cancel.requested", Command::Cancel),
    ] {
        let data = r#"{"order_id":"o1","status":"CANCELLED","customer_id":"c7","actor":"customer"}"#;
        let asked = request(&binary(kind, data));
        assert_eq!((asked.actor, asked.command), (Actor::Customer, command));
    }

    // Every request of this system is the same request in binary mode, also after it is forwarded.
    for (name, expected) in samples::requests() {
        let structured: serde_json::Value = serde_json::from_slice(&encode_request(&expected)).unwrap();
        let mut headers = vec![header("content-type", "application/json; charset=utf-8")];
        for (attribute, value) in structured.as_object().unwrap() {
            if let Some(text) = value.as_str() {
                headers.push(header(&format!("ce_{attribute}"), text.to_owned()));
            }
        }
        let data = structured["data"].to_string();
        let taken = LogRecord { headers, ..record(data) };
        assert!(is_binary(&taken), "{name}");
        let read = request(&taken);
        assert_eq!(
            (&read.id, &read.order_id, read.actor, read.at),
            (&expected.id, &expected.order_id, expected.actor, expected.at)
        );
        assert_eq!(
            (&read.trace, &read.reason, read.awaited),
            (&expected.trace, &expected.reason, expected.awaited)
        );
        match (&read.command, &expected.command) {
            (Command::Place(read), Command::Place(expected)) => assert!(read.same_as(expected), "{name}"),
            (read, expected) => assert_eq!(read, expected, "{name}"),
        }
        assert_eq!(decode(&record(encode_request(&read)), HERE), Ok(Record::Input(read)), "{name}");
    }
}

#[test]
fn the_content_type_of_structured_mode_takes_precedence() {
    let text = event("logistics.order.cancel.requested", r#"{"order_id":"o2"}"#);
    for content_type in ["application/cloudevents+json", "Application/CloudEvents+JSON; charset=UTF-8"] {
        let mut taken = binary(PLACEMENT, &text);
        set(&mut taken, "Content-Type", content_type);
        assert!(!is_binary(&taken));
        assert_eq!(request(&taken).order_id.as_str(), "o2");
    }
    // A header of other software does not make a record binary.
    let mut taken = record(text);
    taken.headers = vec![header("ce_traceparent", "x"), header("content-type", "application/json")];
    assert_eq!(request(&taken).order_id.as_str(), "o2");
    // A copy of an owner's record is an owner's record, whatever its headers are.
    let mut copy = binary(PLACEMENT, "");
    copy.payload = samples::facts()[0].1.clone();
    assert!(matches!(decode(&copy, HERE), Ok(Record::Fact(_))));
}

#[test]
fn the_error_names_the_missing_or_invalid_header() {
    let good = binary(PLACEMENT, r#"{"order_id":"o1"}"#);
    let field = |taken: &LogRecord| match decode(taken, HERE).unwrap_err() {
        DecodeError { error: RecordError::Invalid { field, .. }, from_processor: false } => field,
        other => panic!("{other:?}"),
    };
    for name in ["ce_specversion", "CE_Type", "ce_source", "ce_id"] {
        let mut taken = good.clone();
        taken.headers.retain(|header| header.name != name);
        assert_eq!(field(&taken), name.to_lowercase());
        let mut taken = good.clone();
        set(&mut taken, name, &b"\xff"[..]);
        assert_eq!(field(&taken), name.to_lowercase());
        let mut taken = good.clone();
        taken.headers.push(header(name, "twice"));
        assert_eq!(field(&taken), name.to_lowercase());
    }
    let mut taken = good.clone();
    set(&mut taken, "ce_id", "");
    assert_eq!(field(&taken), "ce_id");
    for (data, expected) in [("{}", "order_id"), ("null", "data"), ("[]", "data")] {
        assert_eq!(field(&binary(PLACEMENT, data)), expected);
    }
    for payload in ["", "{", "{} {}"] {
        let error = decode(&binary(PLACEMENT, payload), HERE).unwrap_err();
        assert!(matches!(error.error, RecordError::NotJson(_)), "{payload:?}: {error}");
    }
    // These headers are optional.
    for value in [&b"\xff"[..], b"", b"Sat, 31 Jan 2026 12:00:00 GMT"] {
        let mut taken = good.clone();
        set(&mut taken, "ce_time", value);
        set(&mut taken, "ce_traceparent", value);
        assert_eq!((request(&taken).at, request(&taken).trace), (taken.at, None));
    }
}

#[test]
fn an_owners_event_in_binary_mode_is_decoded_like_a_structured_one() {
    for (name, bytes) in samples::owners() {
        let structured: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let data = structured["data"].to_string();
        let mut taken = binary(structured["type"].as_str().unwrap(), &data);
        set(&mut taken, "ce_source", PROCESSOR_SOURCE);
        assert!(matches!(decode(&taken, HERE), Ok(Record::Fact(_) | Record::Outcome(_))), "{name}");
        set(&mut taken, "ce_dataschema", "urn:logistics:order:5");
        assert!(decode(&taken, HERE).unwrap_err().is_newer(), "{name}");
        set(&mut taken, "ce_dataschema", "urn:logistics:order:0");
        let error = decode(&taken, HERE).unwrap_err();
        assert!(error.from_processor && !error.is_newer(), "{name}");
        taken.headers.retain(|header| header.name != "ce_id");
        let error = decode(&taken, HERE).unwrap_err();
        assert!(error.from_processor && !error.is_newer(), "{name}");
    }
}
