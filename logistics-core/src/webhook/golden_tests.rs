//! The golden files pin the bytes of the records: a file never changes. The failing test prints the content of a missing one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::ids::{RequestId, Subject, Timestamp, Version};
use crate::port::PartyRole;
use crate::webhook::{
    DisabledReason, EndpointChange, EndpointFact, EndpointOwner, EndpointSettings, EventFilter, EventType,
    NewEndpoint, ReplyUse, SealedSecret, Secret, SecretKind, StoredSecret,
};
use crate::wire::{RecordError, decode_endpoint_fact, encode_endpoint_fact};

fn at(minutes: u64) -> Timestamp {
    let at: Timestamp = "2026-01-31T12:00:00.250Z".parse().unwrap();
    at.after_millis(minutes * 60_000)
}

fn fact(version: u64, change: EndpointChange) -> EndpointFact {
    EndpointFact {
        id: RequestId::parse("0190b0f4-6b1e-7c3a-9d52-3f2a6b1c8e77").unwrap(),
        endpoint_id: "we_0190b0f46b1e7c3a9d523f2a6b1c8e70".parse().unwrap(),
        version: Version(version),
        change,
        at: at(version),
        by: None,
    }
}

fn samples() -> Vec<(&'static str, EndpointFact)> {
    let url = |text: &str| text.parse().unwrap();
    let all = EndpointSettings {
        url: url("https://ops.example/"),
        event_types: EventFilter::All,
        description: None,
        reply: ReplyUse::Ignored,
    };
    let some = EndpointSettings {
        url: url("https://shop.example/hooks?t=a%20b"),
        event_types: EventFilter::Only([EventType::Late, EventType::CourierAssigned].into()),
        description: "the till \"ü\"".parse().ok(),
        reply: ReplyUse::Ignored,
    };
    let reacting = EndpointSettings { reply: ReplyUse::Requests, ..all.clone() };
    let hmac = StoredSecret::Open(Secret::generate(SecretKind::Hmac, [1; 32]));
    let ed25519 = StoredSecret::Open(Secret::generate(SecretKind::Ed25519, [2; 32]));
    let sealed =
        StoredSecret::Sealed(SealedSecret { key_id: "4bb06f8e".to_owned(), bytes: vec![0, 1, 254, 255] });
    let merchant = EndpointOwner::Party(PartyRole::Merchant, "merchant \"7\"".parse().unwrap());
    let created =
        |owner, settings, secret| fact(1, EndpointChange::Created(NewEndpoint { owner, settings, secret }));
    let by = |fact: EndpointFact| EndpointFact { by: Subject::parse("jwt:alice \"ü\"").ok(), ..fact };
    let rotated = EndpointChange::SecretRotated { secret: ed25519, old_valid_until: at(1440) };
    vec![
        ("endpoint-created-operator", created(EndpointOwner::Operator, all.clone(), hmac)),
        ("endpoint-created-party", by(created(merchant, some, sealed))),
        ("endpoint-changed", fact(2, EndpointChange::Changed(all))),
        ("endpoint-changed-reply", fact(2, EndpointChange::Changed(reacting))),
        ("endpoint-enabled", fact(3, EndpointChange::Enabled)),
        ("endpoint-disabled", fact(4, EndpointChange::Disabled { reason: DisabledReason::Gone })),
        ("endpoint-secret-rotated", fact(5, rotated)),
        ("endpoint-deleted", by(fact(6, EndpointChange::Deleted))),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/webhook/golden")
}

#[allow(clippy::disallowed_methods)] // A test may read its files.
fn golden(name: &str) -> String {
    let bytes = std::fs::read(folder().join(format!("{name}.json"))).unwrap_or_default();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn every_fact_is_written_like_its_golden_file_and_read_back() {
    for (name, fact) in samples() {
        let written = encode_endpoint_fact(&fact);
        assert_eq!(std::str::from_utf8(&written).unwrap(), golden(name), "{name}");
        assert_eq!(decode_endpoint_fact(golden(name).as_bytes()).unwrap(), fact, "{name}");
    }
    let files: BTreeSet<String> =
        folder().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, samples().into_iter().map(|(name, _)| format!("{name}.json")).collect());
}

#[test]
fn unknown_fields_are_ignored_and_a_newer_schema_is_no_unreadable_record() {
    for (name, fact) in samples() {
        let text = golden(name);
        let more = text.replacen("\"data\":{", "\"extra\":[1],\"data\":{\"newer\":{\"deep\":[null]},", 1);
        assert_eq!(decode_endpoint_fact(more.as_bytes()).unwrap(), fact, "{name}");
        let newer = text.replace("webhook-endpoint:1", "webhook-endpoint:2");
        let error = decode_endpoint_fact(newer.as_bytes()).unwrap_err();
        assert!(matches!(error, RecordError::NewerVersion(_)), "{name}: {error}");
    }
}

#[test]
fn a_wrong_record_is_an_error_without_the_secret() {
    let text = golden("endpoint-created-operator");
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        decode_endpoint_fact(text.replacen(from, to, 1).as_bytes()).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        ("created", "shredded", "not an event of this system"),
        ("https://", "https://user@", "no user"),
        ("\"operator\"", "\"merchant\"", "owner"),
        ("\"operator\"", "\"system\"", "owner"),
        ("whsec_A", "whsec_!", "secret must be"),
        ("\"version\":1,", "", "version"),
        ("\"time\":", "\"tim\":", "time"),
        ("\"1.0\"", "\"2.0\"", "specversion"),
        ("webhook-endpoint:1", "webhook-endpoint:0", "dataschema"),
    ] {
        let error = change(from, to);
        assert!(error.contains(expected), "{from}: {error}");
        assert!(!error.contains("AQEBAQ"), "the error contains the secret: {error}");
    }
    for payload in ["", "null", "[]", "{", "{}", r#"{"order_id":"o1","status":"PLACED"}"#] {
        assert!(decode_endpoint_fact(payload.as_bytes()).is_err(), "{payload}");
    }
}
