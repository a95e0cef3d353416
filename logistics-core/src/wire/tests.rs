mod binary;
mod golden;
mod hostile;
mod roundtrip;
mod samples;

use bytes::Bytes;

use super::*;
use crate::ids::{Offset, OrderId};
use crate::lifecycle::{Actor, Status};
use crate::limits::{DEAD_LETTER_KEY_BYTES_MAX, DEAD_LETTER_PAYLOAD_BYTES_MAX};
use crate::request::Command;

const HERE: Partition = Partition(3);

fn record(payload: impl Into<Bytes>) -> LogRecord {
    let at = Timestamp::from_millis(1_764_000_000_123);
    LogRecord { headers: Vec::new(), offset: Offset(17), key: None, payload: payload.into(), at }
}

fn input(payload: &str) -> Request {
    match decode(&record(payload.to_owned()), HERE) {
        Ok(Record::Input(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// Why the payload is not an input. It does not name an owner as its source.
fn refusal(payload: impl Into<Bytes>) -> RecordError {
    let error = decode(&record(payload), HERE).unwrap_err();
    assert!(!error.from_processor, "{error}");
    error.error
}

fn event(kind: &str, data: &str) -> String {
    format!(r#"{{"specversion":"1.0","source":"/shop","type":"{kind}","id":"e1","data":{data}}}"#)
}

#[test]
fn a_bare_object_is_a_placement_and_its_further_fields_are_the_details() {
    let request = input(r#" {"order_id":"o1","status":"PLACED"} "#);
    assert_eq!(request.order_id, OrderId::parse("o1").unwrap());
    assert_eq!((request.id.as_str(), request.at), ("3-17", record("").at));
    assert_eq!((request.actor, request.awaited, request.expected_version), (Actor::Customer, false, None));
    let Command::Place(placement) = &request.command else { panic!("{request:?}") };
    assert_eq!(placement.details, None);

    // In a bare object, fields with the names of an event's fields are details too.
    let more = r#"{"z":[1, 2.50,1e3],"order_id":"o1","id":5,"time":17,"source":{},"type":"pizza","data":null,
        "customer_id":7, "a":{"b" : "\u00e4\/"},"status":"PLACED"}"#;
    let Command::Place(placement) = input(more).command else { panic!() };
    assert_eq!(placement.customer_id, None);
    assert_eq!(
        placement.details.unwrap().as_str(),
        r#"{"a":{"b" : "\u00e4\/"},"customer_id":7,"data":null,"id":5,"source":{},"time":17,"type":"pizza","z":[1, 2.50,1e3]}"#
    );
}

#[test]
fn the_error_of_an_invalid_bare_object_names_the_field() {
    let invalid = |payload: &str| match refusal(payload.to_owned()) {
        RecordError::Invalid { field, .. } => field,
        other => panic!("{payload}: {other}"),
    };
    assert_eq!(invalid(r#"{"order_id":"o1"}"#), "status");
    assert_eq!(invalid(r#"{"order_id":"o1","status":"DELIVERED"}"#), "status");
    assert_eq!(invalid(r#"{"order_id":"o1","status":null}"#), "status");
    assert_eq!(invalid(r#"{"order_id":"a b","status":"PLACED"}"#), "order_id");
    assert_eq!(invalid(r#"{"order_id":5,"status":"PLACED"}"#), "order_id");
    assert_eq!(invalid(r#"{"order_id":null,"status":"PLACED"}"#), "order_id");
    let long = format!(r#"{{"order_id":"o1","status":"PLACED","x":"{}"}}"#, "x".repeat(65 * 1024));
    assert_eq!(invalid(&long), "details");
    let deep = format!(r#"{{"order_id":"o1","status":"PLACED","x":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
    assert_eq!(invalid(&deep), "details");
    assert!(matches!(refusal(r#"{"status":"PLACED"}"#), RecordError::Foreign(_)));
    assert!(matches!(refusal("{}"), RecordError::Foreign(_)));
}

#[test]
fn unknown_fields_are_ignored_everywhere() {
    let request = input(
        r#"{"new":[{}],"specversion":"1.0","source":"/shop","type":"logistics.order.transition.requested","id":"e1",
            "data":{"order_id":"o1","status":"CONFIRMED","new":{"x":1},"details":5,"customer_id":9}}"#,
    );
    assert_eq!(request.command, Command::Transition { to: Status::Confirmed });
    for (kind, payload) in samples::owners() {
        let before = decode(&record(payload.clone()), HERE).unwrap();
        let text = String::from_utf8(payload.to_vec()).unwrap();
        let text = text.replacen("\"data\":{", "\"extra\":[1],\"data\":{\"newer\":{\"deep\":[null]},", 1);
        assert_eq!(decode(&record(text), HERE).unwrap(), before, "{kind}");
    }
}

#[test]
fn missing_fields_of_an_input_have_defaults() {
    let request = input(&event("logistics.order.cancel.requested", r#"{"order_id":"o1"}"#));
    assert_eq!((request.actor, request.command), (Actor::Operator, Command::Cancel));
    assert_eq!((request.at, request.trace), (record("").at, None));
    let request = input(&event("logistics.order.placement.requested", r#"{"order_id":"o1","reason":null}"#));
    assert_eq!((request.actor, request.command.target()), (Actor::Customer, Some(Status::Placed)));
    let malformed = event("logistics.order.cancel.requested", r#"{"order_id":"o1"}"#)
        .replace("\"id\"", "\"traceparent\":\"no trace\",\"id\"");
    assert_eq!(
        input(&malformed).trace,
        None,
        "a malformed trace context is dropped, and the request is kept"
    );
}

#[test]
fn an_assignment_names_its_courier_and_null_clears_it() {
    let assign = "logistics.order.assignment.requested";
    let courier = |id: &str| Some(id.parse().unwrap());
    let request = input(&event(assign, r#"{"order_id":"o1","courier_id":"c-1"}"#));
    assert_eq!(
        (request.actor, request.command),
        (Actor::Operator, Command::Assign { courier_id: courier("c-1") })
    );
    let request = input(&event(assign, r#"{"order_id":"o1","courier_id":null}"#));
    assert_eq!(request.command, Command::Assign { courier_id: None });
    // Missing is not null: an incomplete record clears no courier.
    for wrong in [
        r#"{"order_id":"o1"}"#,
        r#"{"order_id":"o1","courier_id":7}"#,
        r#"{"order_id":"o1","courier_id":""}"#,
    ] {
        let refused = refusal(event(assign, wrong));
        assert!(matches!(refused, RecordError::Invalid { field: "courier_id", .. }), "{wrong}: {refused}");
    }
}

#[test]
fn only_records_that_an_older_release_would_misunderstand_have_a_newer_schema() {
    for (name, bytes) in samples::all() {
        let event: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let schema = match &*name {
            name if name.contains("assign") => DATA_SCHEMA_ASSIGNMENT,
            name if name.contains("tracking") => DATA_SCHEMA_REVOCATION,
            "fact-placed-contacts" => DATA_SCHEMA_NEWEST,
            _ => DATA_SCHEMA,
        };
        assert_eq!(event["dataschema"], schema, "{name}");
    }
}

#[test]
fn the_error_names_the_invalid_field() {
    let cases = [
        ("order_id", r#"{}"#),
        ("order_id", r#"{"order_id":7,"status":"CONFIRMED"}"#),
        ("order_id", r#"{"order_id":"","status":"CONFIRMED"}"#),
        ("order_id", r#"{"order_id":["o1"],"status":"CONFIRMED"}"#),
        ("status", r#"{"order_id":"o1"}"#),
        ("status", r#"{"order_id":"o1","status":"BAKED"}"#),
        ("status", r#"{"order_id":"o1","status":3}"#),
        ("actor", r#"{"order_id":"o1","status":"CONFIRMED","actor":"cook"}"#),
        ("expected_version", r#"{"order_id":"o1","status":"CONFIRMED","expected_version":-1}"#),
        ("expected_version", r#"{"order_id":"o1","status":"CONFIRMED","expected_version":1.5}"#),
        ("expected_version", r#"{"order_id":"o1","status":"CONFIRMED","expected_version":"1"}"#),
        ("reason", r#"{"order_id":"o1","status":"CONFIRMED","reason":"\u0000"}"#),
        ("awaited", r#"{"order_id":"o1","status":"CONFIRMED","awaited":"yes"}"#),
        ("data", r#"["o1","CONFIRMED"]"#),
        ("data", "\"o1\""),
    ];
    for (expected, data) in cases {
        let kind = "logistics.order.transition.requested";
        match refusal(event(kind, data)) {
            // The decoder reports a missing status before a missing order id.
            RecordError::Invalid { field, .. } if data == "{}" => assert_eq!(field, "status"),
            RecordError::Invalid { field, problem } => assert_eq!(field, expected, "{data}: {problem}"),
            other => panic!("{data}: {other}"),
        }
    }
    let place = "logistics.order.placement.requested";
    for (expected, data) in [
        ("status", r#"{"order_id":"o1","status":"CONFIRMED"}"#),
        ("customer_id", r#"{"order_id":"o1","customer_id":1}"#),
        ("merchant_id", r#"{"order_id":"o1","merchant_id":""}"#),
        ("courier_id", r#"{"order_id":"o1","courier_id":"\n"}"#),
        ("contacts", r#"{"order_id":"o1","contacts":"secret@example.com"}"#),
        ("contacts", r#"{"order_id":"o1","contacts":{"customer":{"email":"secret@example"}}}"#),
    ] {
        assert!(!refusal(event(place, data)).to_string().contains("secret"), "{data}");
        assert!(
            matches!(refusal(event(place, data)), RecordError::Invalid { field, .. } if field == expected),
            "{data}"
        );
    }
    let good = event("logistics.order.cancel.requested", r#"{"order_id":"o1"}"#);
    for (expected, from, to) in [
        ("id", r#""id":"e1""#, r#""id":"""#),
        ("id", r#""id":"e1""#, r#""id":1"#),
        ("id", r#""id":"e1","#, ""),
        ("type", r#""logistics.order.cancel.requested""#, "7"),
        ("source", r#""/shop""#, "[]"),
        ("specversion", r#""specversion":"1.0","#, ""),
        ("specversion", r#""1.0""#, "1.0"),
        ("dataschema", r#""id":"#, r#""dataschema":{},"id":"#),
        ("data", r#","data":{"order_id":"o1"}"#, ""),
    ] {
        assert!(good.contains(from));
        match refusal(good.replacen(from, to, 1)) {
            RecordError::Invalid { field, .. } => assert_eq!(field, expected),
            other => panic!("{expected}: {other}"),
        }
    }
}

#[test]
fn versions_that_this_build_would_misunderstand_are_rejected() {
    let good = event("logistics.order.cancel.requested", r#"{"order_id":"o1"}"#);
    let with = |schema: &str| good.replace("\"id\"", &format!("\"dataschema\":\"{schema}\",\"id\""));
    assert_eq!(input(&with(DATA_SCHEMA)).command, Command::Cancel);
    assert_eq!(input(&with(DATA_SCHEMA_ASSIGNMENT)).command, Command::Cancel);
    assert_eq!(input(&with(DATA_SCHEMA_REVOCATION)).command, Command::Cancel);
    assert_eq!(input(&with(DATA_SCHEMA_NEWEST)).command, Command::Cancel);
    assert_eq!(input(&with("https://shop.example/schema")).command, Command::Cancel);
    assert!(matches!(refusal(with("urn:logistics:order:5")), RecordError::NewerVersion(_)));
    assert!(matches!(refusal(good.replace("\"1.0\"", "\"2.0\"")), RecordError::UnsupportedVersion(_)));
    for (kind, payload) in samples::owners() {
        let text = String::from_utf8(payload.to_vec()).unwrap().replace(DATA_SCHEMA, "urn:logistics:order:5");
        let text = text.replace(DATA_SCHEMA_ASSIGNMENT, "urn:logistics:order:5");
        let text = text.replace(DATA_SCHEMA_REVOCATION, "urn:logistics:order:5");
        let text = text.replace(DATA_SCHEMA_NEWEST, "urn:logistics:order:5");
        let error = decode(&record(text), HERE).unwrap_err();
        assert!(error.from_processor && error.is_newer(), "{kind}: {error}");
    }
}

#[test]
fn only_a_greater_major_number_of_an_owner_is_newer() {
    let fact = String::from_utf8(samples::facts()[0].1.to_vec()).unwrap();
    let error = |text: String| decode(&record(text), HERE).unwrap_err();
    let major = |major: &str| error(fact.replace(DATA_SCHEMA, &format!("urn:logistics:order:{major}")));
    for newer in ["5", "10", "005", "99999999999999999999999999999999"] {
        assert!(major(newer).is_newer(), "{newer}");
    }
    for foreign in ["", "0", "00", "01", "-2", "+2", "2.0", "2 ", " 2", "two", "2x", "\u{0662}"] {
        let error = major(foreign);
        assert!(error.from_processor && !error.is_newer(), "{foreign:?}: {error}");
    }
    let broken = [
        fact.replace("\"1.0\"", "\"2.0\""),
        fact.replace("\"1.0\"", "\"dataschema\""),
        fact.replace("logistics.order.placed", "logistics.order.baked"),
        fact.replace(DATA_SCHEMA, "urn:logistics:order:5").replace("\"1.0\"", "\"2.0\""),
        fact[..fact.len() - 1].to_owned(),
        fact[..envelope::PROCESSOR_PREFIX.len()].to_owned(),
        fact.replace("\"order_id\"", "\"id\""),
        fact.replace(DATA_SCHEMA, "urn:logistics:order:5") + &" ".repeat(RECORD_BYTES_MAX),
    ];
    for text in broken {
        let error = error(text);
        assert!(error.from_processor && !error.is_newer(), "{error}");
    }
    // A record with another source is never of a newer owner.
    let input = event("logistics.order.cancel.requested", r#"{"order_id":"o1"}"#)
        .replace("\"id\"", "\"dataschema\":\"urn:logistics:order:5\",\"id\"");
    assert!(!error(input).is_newer());
}

#[test]
fn an_input_whose_time_is_invalid_has_the_records_time() {
    let timed = |time: &str| {
        event("logistics.order.placement.requested", r#"{"order_id":"o1"}"#)
            .replace("\"id\"", &format!("\"time\":{time},\"id\""))
    };
    let wrong = [
        r#""Sat, 31 Jan 2026 12:00:00 GMT""#,
        r#""2026-01-31T12:00:00 GMT""#,
        r#""2026-01-31T12:00:00""#,
        r#""2026-01-31""#,
        r#""2026-01-31T12:00:00Europe/Berlin""#,
        r#""2026-02-30T12:00:00Z""#,
        r#""yesterday""#,
        r#""""#,
        "1769860800000",
        "1.5",
        "null",
        "true",
        "[]",
        r#"{"at":1}"#,
    ];
    for time in wrong {
        assert_eq!(input(&timed(time)).at, record("").at, "{time}");
    }
    let precise = input(&timed(r#""2026-01-31T12:00:00.1234567Z""#)).at;
    assert_eq!(precise.to_string(), "2026-01-31T12:00:00.123Z");

    // An owner's time is required: it is part of the decision.
    let fact = String::from_utf8(samples::facts()[0].1.to_vec()).unwrap();
    let event: serde_json::Value = serde_json::from_str(&fact).unwrap();
    let time = event["time"].as_str().unwrap();
    let error = decode(&record(fact.replacen(time, "yesterday", 1)), HERE).unwrap_err();
    assert!(error.from_processor && matches!(error.error, RecordError::Invalid { field: "time", .. }));
}

#[test]
fn other_payloads_are_rejected() {
    assert!(matches!(refusal(event("com.example.invoice", "{}")), RecordError::Foreign(_)));
    // A fact with another source is not a fact.
    assert!(matches!(refusal(event("logistics.order.delivered", "{}")), RecordError::Foreign(_)));
    let unknown = samples::facts()[0].1.to_vec();
    let unknown =
        String::from_utf8(unknown).unwrap().replace("logistics.order.placed", "logistics.order.baked");
    assert!(
        decode(&record(unknown), HERE).unwrap_err().from_processor,
        "the source of an unknown fact is known"
    );
    for payload in [
        "",
        " ",
        "null",
        "5",
        "\"text\"",
        "{",
        "{\"a\":}",
        "not json",
        "[]",
        "[\"1.0\"]",
        "{} {}",
        "\u{feff}{}",
    ] {
        assert!(matches!(refusal(payload), RecordError::NotJson(_)), "{payload:?}");
    }
    // The elements have the order of the envelope's fields: serde would read the array as a struct.
    let array =
        r#"["1.0","logistics.order.cancel.requested","/shop","e1",null,null,null,{"order_id":"o1"},null]"#;
    assert!(matches!(refusal(array), RecordError::NotJson(_)));
    assert!(matches!(refusal(&b"\xff\xfe"[..]), RecordError::NotJson(_)));
    let not_utf8 = b"{\"order_id\":\"o1\",\"status\":\"PLACED\",\"x\":\"\xff\"}";
    assert!(matches!(refusal(&not_utf8[..]), RecordError::NotJson(_)));
}

#[test]
fn a_record_may_be_as_long_as_the_limit_and_no_longer() {
    let of_length = |bytes: usize| {
        let start = r#"{"specversion":"1.0","type":"logistics.order.cancel.requested","source":"/shop","id":"e1","pad":""#;
        let end = r#"","data":{"order_id":"o1"}}"#;
        format!("{start}{}{end}", "x".repeat(bytes - start.len() - end.len()))
    };
    assert_eq!(input(&of_length(RECORD_BYTES_MAX)).command, Command::Cancel);
    assert_eq!(refusal(of_length(RECORD_BYTES_MAX + 1)), RecordError::TooLong(RECORD_BYTES_MAX + 1));
}

#[test]
fn a_dead_letter_keeps_text_as_text_and_fits_into_a_record() {
    let letter = |payload: Bytes| {
        let record = record(payload);
        let letter = DeadLetter { record: &record, partition: HERE, reason: "why" };
        let bytes = letter.encode(record.at);
        assert!(bytes.len() < RECORD_BYTES_MAX, "{}", bytes.len());
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    let cut = "x".repeat(DEAD_LETTER_PAYLOAD_BYTES_MAX - 1) + "ä and more";
    let value = letter(Bytes::from(cut.clone()));
    assert_eq!(value["data"]["payload"].as_str().unwrap().len(), DEAD_LETTER_PAYLOAD_BYTES_MAX - 1);
    assert_eq!(value["data"]["payload_bytes"], cut.len());
    assert!(value["data"]["payload_base64"].is_null());
    let binary = letter(Bytes::from_static(b"\xff\x00"));
    assert_eq!(binary["data"]["payload_base64"], "/wA=");
    assert!(binary["data"]["payload"].is_null());
    assert!(letter(Bytes::from(vec![0; RECORD_BYTES_MAX])).is_object());
}

#[test]
fn a_dead_letter_fits_into_a_record_whatever_key_value_and_reason_are() {
    for byte in [0_u8, 0x1f, b'"', b'x', 0xff] {
        let mut dead = record(vec![byte; 4 * RECORD_BYTES_MAX]);
        dead.offset = Offset(u64::MAX);
        dead.key = Some(Bytes::from(vec![byte; 1_000_000]));
        let reason = "\u{1}".repeat(1_000_000);
        let letter = DeadLetter { record: &dead, partition: Partition(u32::MAX), reason: &reason };
        let bytes = letter.encode(dead.at);
        assert!(bytes.len() <= RECORD_BYTES_MAX, "{byte}: {}", bytes.len());
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let data = &value["data"];
        assert_eq!((&data["key_bytes"], &data["payload_bytes"]), (&1_000_000.into(), &1_048_576.into()));
        if byte == b'x' {
            assert_eq!(data["key"], "x".repeat(DEAD_LETTER_KEY_BYTES_MAX));
            assert_eq!(data["payload"], "x".repeat(DEAD_LETTER_PAYLOAD_BYTES_MAX));
        }
        assert_eq!(data["key_base64"].is_string(), byte == 0xff);
        for digest in ["key_sha256", "payload_sha256"] {
            assert_eq!(data[digest].as_str().unwrap().len(), 64);
        }
        assert_ne!(data["key_sha256"], data["payload_sha256"]);
    }
    // The digest of "abc", from FIPS 180-2.
    let mut dead = record("abc");
    dead.key = Some(Bytes::new());
    let bytes = DeadLetter { record: &dead, partition: HERE, reason: "why" }.encode(dead.at);
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(value["data"]["payload_sha256"], abc);
    assert_eq!((&value["data"]["key"], &value["data"]["key_bytes"]), (&"".into(), &0.into()));
}
