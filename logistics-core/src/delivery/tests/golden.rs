//! The golden files pin the bytes of the records.

use super::super::{
    DeliveryEvent, DeliveryKey, DeliveryOutcome, DeliveryRecord, EndpointStats, Problem, Redrive, Settled,
    WaitReason, Waiting, Written,
};
use super::endpoint;
use crate::ids::{ChannelName, Offset, Timestamp, Version};
use crate::lifecycle::{Actor, Status};
use crate::notify::{Notification, Recipient};
use crate::wire::{RecordError, decode_delivery, encode_delivery};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn at() -> Timestamp {
    time("2026-11-24T05:00:00.120Z")
}

fn notification() -> Notification {
    let order = "o-1".parse().unwrap();
    let at = time("2026-11-24T05:00:00Z");
    let mut notification = Notification::new(order, Version(3), Status::Confirmed, at);
    notification.trace = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap());
    notification.recipients = vec![Recipient::new(Actor::Merchant, Some("m-1".parse().unwrap()))];
    notification
}

fn settled(
    outcome: DeliveryOutcome,
    attempts: u32,
    problem: Option<Problem>,
    dead: Option<Notification>,
) -> DeliveryEvent {
    let key = DeliveryKey::new(endpoint("we_1"), "o-1".parse().unwrap(), Version(3));
    DeliveryEvent::Settled(Settled { key, outcome, attempts, problem, notification: dead })
}

fn samples() -> Vec<(&'static str, DeliveryRecord)> {
    let waiting = Waiting {
        endpoint: endpoint("we_1"),
        attempts: 1,
        due_at: time("2026-11-24T05:00:05.120Z"),
        reason: WaitReason::Failed,
        problem: Some(Problem::new("status", Some(503))),
        failing_since: Some(at()),
        notification: notification(),
    };
    let mut stats = EndpointStats::new(endpoint("we_1"));
    (stats.delivered, stats.failed, stats.dead) = (12, 2, 1);
    (stats.last_success_at, stats.last_failure_at) = (Some(at()), Some(time("2026-11-24T05:00:00Z")));
    stats.last_problem = Some(Problem::new("status", Some(500)));
    let dead = settled(DeliveryOutcome::Dead, 10, Some(Problem::new("timeout", None)), Some(notification()));
    let owned = [
        (include_str!("../golden/waiting.json"), DeliveryEvent::Waiting(waiting)),
        (
            include_str!("../golden/settled-delivered.json"),
            settled(DeliveryOutcome::Delivered, 1, None, None),
        ),
        (include_str!("../golden/settled-dead.json"), dead),
        (include_str!("../golden/stats.json"), DeliveryEvent::Stats(stats)),
    ];
    let owned = owned.into_iter().map(|(golden, event)| {
        let mut record = DeliveryRecord::new(ChannelName::webhooks(), at(), event);
        record.written = Some(Written::new(0xab, Offset(17)));
        (golden, record)
    });
    let redrive = DeliveryEvent::Redrive(Redrive::new(endpoint("we_1"), notification()));
    let redrive =
        (include_str!("../golden/redrive.json"), DeliveryRecord::new(ChannelName::webhooks(), at(), redrive));
    owned.chain([redrive]).collect()
}

#[test]
fn every_record_is_written_like_its_golden_file_and_read_back() {
    for (golden, record) in samples() {
        let golden = golden.trim_end();
        assert_eq!(String::from_utf8_lossy(&encode_delivery(&record)), golden);
        assert_eq!(decode_delivery(golden.as_bytes()), Ok(record));
    }
}

#[test]
fn a_record_of_another_channel_names_it_and_no_reader_takes_it_for_one_of_the_webhooks() {
    let checkpoint = (include_str!("../golden/checkpoint.json"), DeliveryEvent::Checkpoint);
    let Some((_, DeliveryRecord { event: waiting, .. })) = samples().into_iter().next() else {
        panic!("no samples");
    };
    let waiting = (include_str!("../golden/channel-waiting.json"), waiting);
    for (golden, event) in [checkpoint, waiting] {
        let golden = golden.trim_end();
        let mut record = DeliveryRecord::new("reactor.payments".parse().unwrap(), at(), event);
        record.written = Some(Written::new(0xab, Offset(17)));
        assert_eq!(String::from_utf8_lossy(&encode_delivery(&record)), golden);
        assert_eq!(decode_delivery(golden.as_bytes()), Ok(record));
        assert!(!golden.contains("logistics.webhook."), "an earlier release would deliver it to an endpoint");
        let unnamed = golden.replace("\"channel\":\"reactor.payments\"", "\"x\":1");
        assert!(decode_delivery(unnamed.as_bytes()).is_err());
    }
}

#[test]
fn a_record_of_a_newer_schema_or_of_another_type_is_not_read() {
    let (golden, _) = samples().remove(0);
    let newer = golden.replace("urn:logistics:order:1", "urn:logistics:order:9");
    assert!(matches!(decode_delivery(newer.as_bytes()), Err(RecordError::NewerVersion(_))));
    let foreign = golden.replace("delivery.waiting", "delivery.painted");
    assert!(matches!(decode_delivery(foreign.as_bytes()), Err(RecordError::Foreign(_))));
    let unknown = golden.replace("\"waits\":\"failed\"", "\"waits\":\"bored\"");
    assert!(decode_delivery(unknown.as_bytes()).is_ok(), "an unknown reason is information only");
}
