//! The golden files pin the bytes. This build must read the records of older builds, and older builds must read its
//! records. A file changes only together with the major version. The failing test prints the content of a missing file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::ids::Version;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/golden")
}

#[allow(clippy::disallowed_methods)] // A test may read its files.
fn golden(name: &str) -> Vec<u8> {
    let path = folder().join(format!("{name}.json"));
    std::fs::read(&path).unwrap_or_default()
}

#[test]
fn every_record_is_written_like_its_golden_file() {
    for (name, bytes) in samples::all() {
        let expected = golden(&name);
        let (written, expected) = (String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&expected));
        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn every_golden_file_is_of_a_record() {
    let files: BTreeSet<String> =
        folder().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let written = samples::all().into_iter().map(|(name, _)| name);
    let older = samples::older_notification_values().into_iter().map(|(name, _)| name);
    let samples: BTreeSet<String> = written.chain(older).map(|name| format!("{name}.json")).collect();
    assert_eq!(files, samples);
}

#[test]
fn every_golden_file_is_read_as_what_was_written() {
    let read = |name: &str| decode(&record(golden(name)), HERE).unwrap();
    for (name, request) in samples::requests() {
        assert_eq!(read(&name), Record::Input(request), "{name}");
    }
    for (name, fact) in samples::fact_values() {
        assert_eq!(read(&name), Record::Fact(fact), "{name}");
    }
    for (name, outcome) in samples::outcome_values() {
        assert_eq!(read(&name), Record::Outcome(outcome), "{name}");
    }
    for (name, notification) in samples::notification_values() {
        assert_eq!(decode_notification(&golden(&name)).unwrap(), notification, "{name}");
    }
    for (name, notification) in samples::older_notification_values() {
        assert_eq!(decode_notification(&golden(&name)).unwrap(), notification, "{name}");
    }
}

#[test]
fn a_notification_has_every_field_that_older_releases_read() {
    // As in the releases before `recipients`. Every field is required; others are ignored.
    #[derive(serde::Deserialize)]
    struct Older {
        order_id: OrderId,
        status: Status,
        version: Version,
        audiences: Vec<Actor>,
        text: String,
    }
    for (name, notification) in samples::older_notification_values() {
        let older: serde_json::Value = serde_json::from_slice(&golden(&name)).unwrap();
        let mut newer: serde_json::Value =
            serde_json::from_slice(&encode_notification(&notification)).unwrap();
        let read: Older = serde_json::from_value(newer["data"].clone()).unwrap();
        let identity = (&notification.order_id, notification.status, notification.version);
        assert_eq!((&read.order_id, read.status, read.version), identity, "{name}");
        let roles = notification.recipients.iter().map(|recipient| recipient.role);
        assert!(read.audiences.iter().copied().eq(roles), "{name}");
        assert_eq!(older["data"]["text"], read.text, "{name}");
        let data = newer["data"].as_object_mut().unwrap();
        data.retain(|key, _| !["late", "recipients"].contains(&key.as_str()));
        assert_eq!(newer, older, "{name}: the other fields are unchanged");
    }
}

#[test]
fn nothing_is_derived_from_the_deprecated_fields_where_there_are_recipients() {
    for (name, notification) in samples::notification_values() {
        let mut event: serde_json::Value = serde_json::from_slice(&golden(&name)).unwrap();
        let data = event["data"].as_object_mut().unwrap();
        data.insert("audiences".to_owned(), serde_json::json!(["system"]));
        data.insert("text".to_owned(), serde_json::json!("anything"));
        assert_eq!(decode_notification(event.to_string().as_bytes()).unwrap(), notification, "{name}");
        let data = event["data"].as_object_mut().unwrap();
        data.retain(|key, _| key != "audiences" && key != "text");
        assert_eq!(decode_notification(event.to_string().as_bytes()).unwrap(), notification, "{name}");
        event["data"].as_object_mut().unwrap().remove("recipients");
        let error = decode_notification(event.to_string().as_bytes()).unwrap_err();
        assert!(matches!(error.error, RecordError::Invalid { field: "recipients", .. }), "{name}: {error}");
    }
}

#[test]
fn only_records_of_owners_begin_with_the_prefix_of_owners() {
    for (name, bytes) in samples::all() {
        let surely = is_surely_from_processor(&bytes);
        assert_eq!(surely, !name.starts_with("request"), "{name}");
        let is_input = matches!(decode(&record(bytes), HERE), Ok(Record::Input(_)));
        assert!(!(surely && is_input), "{name}");
    }
    // A torn record of an owner still names its source.
    for (name, bytes) in samples::owners() {
        let error = decode(&record(bytes.slice(..bytes.len() - 1)), HERE).unwrap_err();
        assert!(error.from_processor, "{name}");
    }
    // A record with another layout must be decoded.
    let spaced = String::from_utf8(samples::facts()[0].1.to_vec()).unwrap().replacen("{", "{ ", 1);
    assert!(!is_surely_from_processor(spaced.as_bytes()));
    assert!(matches!(decode(&record(spaced), HERE), Ok(Record::Fact(_))));
    // A bare object is never a record of an owner.
    let bare = r#"{"specversion":"1.0","source":"/logistics/processor","order_id":"o1","status":"PLACED"}"#;
    assert!(is_surely_from_processor(bare.as_bytes()));
    assert!(decode(&record(bare), HERE).unwrap_err().from_processor);
}

#[test]
fn every_record_is_a_cloud_event_with_order_and_status_in_its_data() {
    let mut ids = BTreeSet::new();
    for (name, bytes) in samples::all() {
        let event: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(event["specversion"], "1.0", "{name}");
        assert_eq!(event["datacontenttype"], "application/json", "{name}");
        assert!(event["type"].as_str().unwrap().starts_with("logistics.order."), "{name}");
        assert!(event["time"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{name}");
        assert!(event["source"].as_str().unwrap().starts_with('/'), "{name}");
        assert!(!event["id"].as_str().unwrap().is_empty(), "{name}");
        // Attribute names of CloudEvents: lower-case letters and digits.
        for key in event.as_object().unwrap().keys() {
            assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{name}: {key}");
        }
        let data = &event["data"];
        assert_eq!(event["subject"], data["order_id"], "{name}");
        // A dead letter and its outcome name no order. A rejection, a forwarded input and the requests of an assignment
        // and a revocation have no status.
        let nameless = name.contains("dead-letter");
        let stateless = nameless
            || ["outcome-rejected", "outcome-forwarded", "request-assignment", "request-tracking"]
                .iter()
                .any(|it| name.starts_with(it));
        assert_eq!(data["order_id"].is_string(), !nameless, "{name}");
        assert_eq!(data["status"].is_string(), !stateless, "{name}");
        assert_eq!(event.get("traceparent").is_some(), name.ends_with("-full"), "{name}");
        ids.insert(format!("{} {}", event["source"], event["id"]));
    }
    // Many samples are version 7 of one order. A fact, its notification, an outcome and a dead letter of one position still
    // have different ids.
    assert_eq!(ids.len(), 7, "{ids:?}");
}
