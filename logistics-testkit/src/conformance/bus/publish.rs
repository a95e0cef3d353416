//! Published records: those of webhooks, which have no owner.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::BusCase;
use super::steps::{HOME, OTHER, PLENTY, strings, texts};
use logistics_core::limits::RECORD_BYTES_MAX;
use logistics_core::port::{PortErrorKind, StartAt, SubscriptionEvent, Topic};
use logistics_core::{Offset, Partition};

const PUBLISHED: [Topic; 2] = [Topic::Endpoints, Topic::Deliveries];

impl BusCase {
    async fn publish(&self, topic: Topic, partition: Partition, text: &str) -> Offset {
        let (key, payload) = (Bytes::from(format!("key of {text}")), Bytes::from(text.to_owned()));
        self.works("publish", self.bus().publish(topic, partition, key, payload)).await
    }
}

pub(super) async fn published_records_get_rising_offsets_and_keep_their_keys(case: BusCase) {
    for topic in PUBLISHED {
        let mut offsets = Vec::new();
        for text in ["a", "b", "c", "d"] {
            offsets.push(case.publish(topic, OTHER, text).await);
        }
        case.holds("offsets rise", offsets.is_sorted_by(|a, b| a < b));
        let records = case.tail(topic, OTHER, Offset(0), 4).await;
        case.same("the texts", &texts(&records), &strings(&["a", "b", "c", "d"]));
        let read: Vec<_> = records.iter().map(|record| record.offset).collect();
        case.same("the offsets, as answered and as read", &read, &offsets);
        let keys: Vec<_> = records.into_iter().map(|record| record.key.unwrap_or_default()).collect();
        case.same(
            "the keys",
            &keys,
            &["a", "b", "c", "d"].map(|text| format!("key of {text}").into()).to_vec(),
        );
        let home = case.works("bounds", case.bus().bounds(topic, HOME)).await;
        case.same("the end of another partition", &home.end, &home.start);
    }
    let orders = case.works("bounds", case.bus().bounds(Topic::Orders, OTHER)).await;
    case.same("the end of another topic", &orders.end, &orders.start);
}

pub(super) async fn records_of_owners_and_of_unknown_partitions_are_not_published(case: BusCase) {
    let bus = case.bus();
    let refusal = async |topic, partition, bytes| {
        let payload = Bytes::from(vec![b'x'; bytes]);
        let answer = case.soon("an answer", bus.publish(topic, partition, "key".into(), payload)).await;
        answer.map_err(|error| error.kind())
    };
    for topic in Topic::ALL.into_iter().filter(|topic| !PUBLISHED.contains(topic)) {
        case.same("the answer", &refusal(topic, HOME, 1).await, &Err(PortErrorKind::Refused));
    }
    let unknown = Partition(bus.partitions());
    case.same(
        "no such partition",
        &refusal(Topic::Deliveries, unknown, 1).await,
        &Err(PortErrorKind::Refused),
    );
    let large = refusal(Topic::Deliveries, HOME, RECORD_BYTES_MAX + 1).await;
    case.same("over the limit", &large, &Err(PortErrorKind::TooLarge));
    case.works(
        "at the limit",
        bus.publish(Topic::Deliveries, HOME, "key".into(), Bytes::from(vec![b'x'; RECORD_BYTES_MAX])),
    )
    .await;
}

pub(super) async fn groups_read_published_records(case: BusCase) {
    let bus = case.bus();
    for topic in PUBLISHED {
        let first = case.publish(topic, HOME, "a").await;
        case.publish(topic, HOME, "b").await;
        for wanted in [["a", "b"].as_slice(), &["b"]] {
            let subscribe = bus.subscribe(topic, "readers", StartAt::Start);
            let mut readers = case.works("subscribe", subscribe).await;
            let mut found = Vec::new();
            while found.len() < wanted.len() {
                let held = BTreeSet::new();
                let event = readers.next(PLENTY, &held);
                match case.works("an event", event).await {
                    SubscriptionEvent::Records(delivery) => found.extend(texts(&delivery.batch.records)),
                    SubscriptionEvent::Started(_) => {}
                    other => panic!("case `{}`: {other:?} instead of records", case.name),
                }
            }
            case.same("what the group reads", &found, &strings(wanted));
            case.works("acknowledge", readers.acknowledge(HOME, first.next())).await;
        }
    }
}

pub(super) async fn published_records_survive_a_restart(mut case: BusCase) {
    for topic in PUBLISHED {
        case.publish(topic, HOME, "a").await;
    }
    case.harness.restart().await;
    for topic in PUBLISHED {
        let later = case.publish(topic, HOME, "b").await;
        let records = case.tail(topic, HOME, Offset(0), 2).await;
        case.same("the texts", &texts(&records), &strings(&["a", "b"]));
        case.same("the offset of the last", &records[1].offset, &later);
    }
}
