//! Inputs.

use bytes::Bytes;

use super::BusCase;
use super::steps::{HOME, OTHER, strings, texts};
use crate::sample;
use logistics_core::limits::RECORD_BYTES_MAX;
use logistics_core::port::{PortErrorKind, Topic};
use logistics_core::{Offset, Partition, partition_of};

pub(super) async fn appended_records_get_rising_offsets_and_are_read_in_that_order(case: BusCase) {
    let mut offsets = Vec::new();
    for text in ["a", "b", "c", "d"] {
        offsets.push(case.append(HOME, text).await);
    }
    case.holds("offsets rise", offsets.is_sorted_by(|a, b| a < b));
    let records = case.tail(Topic::Orders, HOME, Offset(0), 4).await;
    case.same("the texts", &texts(&records), &strings(&["a", "b", "c", "d"]));
    let read: Vec<_> = records.iter().map(|record| record.offset).collect();
    case.same("the offsets, as answered and as read", &read, &offsets);
}

pub(super) async fn a_record_is_in_the_partition_of_its_order(case: BusCase) {
    let bus = case.bus();
    for n in 0..20 {
        let id = sample::order_id(n);
        let payload = Bytes::from(format!("about {id}"));
        let offset = case.works("append", bus.append(&id, payload.clone())).await;
        let partition = partition_of(&id, bus.partitions());
        let record = case.tail(Topic::Orders, partition, offset, 1).await.swap_remove(0);
        case.same("the offset", &record.offset, &offset);
        case.same("the payload", &record.payload, &payload);
        case.same("the key", &record.key, &Some(id.to_key()));
    }
}

pub(super) async fn records_over_the_limit_are_refused_and_those_at_it_are_not(case: BusCase) {
    let (bus, id) = (case.bus(), case.order(HOME, 0));
    let payload = |bytes| Bytes::from(vec![b'x'; bytes]);
    let refused = case.soon("an answer", bus.append(&id, payload(RECORD_BYTES_MAX + 1))).await;
    let kind = refused.map_err(|error| error.kind());
    case.same("the answer to a record over the limit", &kind, &Err(PortErrorKind::TooLarge));
    case.works("append", bus.append(&id, payload(RECORD_BYTES_MAX))).await;
    let first = case.tail(Topic::Orders, HOME, Offset(0), 1).await.swap_remove(0);
    case.same("the bytes of the first record", &first.payload.len(), &RECORD_BYTES_MAX);
}

pub(super) async fn any_bytes_survive(case: BusCase) {
    let (bus, id) = (case.bus(), case.order(HOME, 0));
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let payloads = [
        Bytes::new(),
        Bytes::from(every_byte),
        Bytes::from_static(b"\xff\xfe not \xc3\x28 UTF-8"),
        Bytes::from_static("żółw 🚚\0\r\n".as_bytes()),
    ];
    for payload in &payloads {
        case.works("append", bus.append(&id, payload.clone())).await;
    }
    let records = case.tail(Topic::Orders, HOME, Offset(0), payloads.len()).await;
    let read: Vec<_> = records.into_iter().map(|record| record.payload).collect();
    case.same("the payloads", &read, &payloads.to_vec());
}

pub(super) async fn bounds_say_where_a_partition_starts_and_ends(case: BusCase) {
    let bus = case.bus();
    for topic in Topic::ALL {
        let empty = case.works("bounds", bus.bounds(topic, HOME)).await;
        case.same("the end of an empty partition", &empty.end, &empty.start);
    }
    let first = case.append(HOME, "a").await;
    let last = case.append(HOME, "b").await;
    let bounds = case.works("bounds", bus.bounds(Topic::Orders, HOME)).await;
    case.holds("the start is not behind the first record", bounds.start <= first);
    case.same("the end", &bounds.end, &last.next());
    let other = case.works("bounds", bus.bounds(Topic::Orders, OTHER)).await;
    case.same("the end of a partition without records", &other.end, &other.start);
}

pub(super) async fn appended_records_survive_a_restart(mut case: BusCase) {
    let mut offsets = Vec::new();
    for n in 0..10 {
        offsets.push(case.append(Partition(n % 2), &format!("{n}")).await);
    }
    case.harness.restart().await;
    let even = case.tail(Topic::Orders, HOME, Offset(0), 5).await;
    case.same("the texts", &texts(&even), &strings(&["0", "2", "4", "6", "8"]));
    let odd = case.tail(Topic::Orders, OTHER, Offset(0), 5).await;
    case.same("the texts", &texts(&odd), &strings(&["1", "3", "5", "7", "9"]));
    let after = case.append(HOME, "after").await;
    case.holds("offsets rise over a restart", after > offsets[8]);
}
