//! Calls of librdkafka that the safe client lacks.
#![allow(
    unsafe_code,
    reason = "`rd_kafka_flush` itself, because the safe client's flush sleeps between short polls; headers with names that are not UTF-8, \
              on which the safe client panics; admin requests on an existing client; and, in tests, a fatal error"
)]

mod admin;
mod offsets;

use std::ffi::{CStr, c_int, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use logistics_core::port::Header;
use rdkafka::bindings as native;
use rdkafka::client::ClientContext;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

pub(crate) use admin::{Configs, configs, topic_id};
pub(crate) use offsets::{Isolation, ends};

/// How often a waiting flush handles the reports of failed messages.
const FAILURES_EVERY: Duration = Duration::from_millis(100);

/// Sends the queued messages at once, and waits until each is delivered or failed, at most for `timeout`. The safe client's `flush`
/// polls in steps of up to 100 ms, which would delay every transaction.
pub(crate) fn flush<C: ClientContext + ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) {
    let (client, end) = (producer.client().native_ptr(), Instant::now() + timeout);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let step = c_int::try_from(left.min(FAILURES_EVERY).as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the pointer is that of a live producer, which is borrowed for the whole call; the call is thread-safe by the
        // library's own documentation and keeps nothing.
        // The commit fails if a message failed.
        let flushed = Code::from(unsafe { native::rd_kafka_flush(client, step) });
        // A failed message counts as queued until its report is handled.
        producer.poll(Duration::ZERO);
        if flushed == Code::NoError || left.is_zero() {
            return;
        }
    }
}

/// The headers of a record whose names are `kept`, in order. Names that are not UTF-8 are skipped.
pub(crate) fn headers(message: &BorrowedMessage<'_>, kept: impl Fn(&str) -> bool) -> Vec<Header> {
    let (mut all, mut found) = (ptr::null_mut(), Vec::new());
    // SAFETY: the message is live and borrowed for the whole call; the headers that this answers belong to it.
    let answer = unsafe { native::rd_kafka_message_headers(message.ptr(), &raw mut all) };
    if Code::from(answer) != Code::NoError {
        return found;
    }
    for index in 0.. {
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null::<c_void>(), 0_usize);
        // SAFETY: the headers are those of a live message; the call writes to the three places and keeps nothing.
        let answer = unsafe {
            native::rd_kafka_header_get_all(all, index, &raw mut name, &raw mut value, &raw mut size)
        };
        if Code::from(answer) != Code::NoError || name.is_null() {
            break;
        }
        // SAFETY: a name ends with a zero, and lives as long as the message.
        let Ok(name) = unsafe { CStr::from_ptr(name) }.to_str() else { continue };
        if !kept(name) {
            continue;
        }
        let value = if value.is_null() || size == 0 {
            Bytes::new()
        } else {
            // SAFETY: the library says that so many bytes are there; they live as long as the message.
            Bytes::copy_from_slice(unsafe { std::slice::from_raw_parts(value.cast::<u8>(), size) })
        };
        found.push(Header { name: name.to_owned(), value });
    }
    found
}

/// Simulates a fatal error: every later call of this producer fails.
#[cfg(test)]
pub(crate) fn fail_for_good<C: ClientContext + ProducerContext>(producer: &BaseProducer<C>) {
    let code = native::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    // SAFETY: the pointer is that of a live producer, which is borrowed for the whole call, and the text ends with a zero; the
    // call copies it.
    let _ = unsafe {
        native::rd_kafka_test_fatal_error(producer.client().native_ptr(), code, c"a test".as_ptr())
    };
}

#[cfg(test)]
mod tests {
    use logistics_core::port::{EventBus, ReadLimit, Topic};
    use logistics_core::{Offset, Partition};
    use rdkafka::ClientConfig;
    use rdkafka::message::{Header as Sent, OwnedHeaders};
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::BaseRecord;

    use super::*;
    use crate::{Config, KafkaBus};

    #[tokio::test]
    async fn a_header_whose_name_is_not_utf8_is_skipped() {
        let brokers = MockCluster::new(1).expect("a broker in this process");
        brokers.create_topic("orders", 1, 1).expect("a topic");
        let mut config = ClientConfig::new();
        let producer = config.set("bootstrap.servers", brokers.bootstrap_servers()).create();
        let producer: BaseProducer = producer.expect("a producer");
        let bytes = [b"ce_".as_slice(), &[0xff, 0xfe]].concat();
        // SAFETY: the text goes nowhere but to the C library, as bytes with a length.
        let name = unsafe { str::from_utf8_unchecked(&bytes) };
        let headers = OwnedHeaders::new()
            .insert(Sent { key: name, value: Some("1") })
            .insert(Sent { key: "ce_type", value: Some("2") });
        let record = BaseRecord::<str, str>::to("orders").partition(0).payload("{}").headers(headers);
        producer.send(record).expect("it is queued");
        producer.flush(Duration::from_secs(10)).expect("it is written");

        let bus = KafkaBus::new(Config::new(brokers.bootstrap_servers(), 1)).expect("valid settings");
        let mut tail = bus.tail(Topic::Orders, Partition(0), Offset(0)).await.expect("a reader");
        let read = tail.next(ReadLimit { records: 1, bytes: 1000 }).await.expect("a record");
        let expected = [Header { name: "ce_type".to_owned(), value: "2".into() }];
        assert_eq!(read.records[0].headers, expected);
    }
}
