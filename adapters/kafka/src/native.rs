//! What the safe client does not offer as it is.
#![allow(
    unsafe_code,
    reason = "`rd_kafka_flush` as it is: the client's own flush sleeps between short polls; headers whose names are no UTF-8, at which \
              the client's own calls panic; the id of a topic; and, in tests, a failure for good"
)]

use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use logistics_core::port::Header;
use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::message::BorrowedMessage;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

/// How often reports of failed messages are taken while a flush waits.
const FAILURES_EVERY: Duration = Duration::from_millis(100);
/// Bytes of what the library says of a setting that it does not take.
const TEXT_BYTES: usize = 256;

/// Sends what is queued at once, and waits until all of it is delivered or failed, for so long at most. The client's own
/// `flush` polls in steps of up to 100 ms, which a transaction would pay for each time.
pub(crate) fn flush<C: ClientContext + ProducerContext>(producer: &BaseProducer<C>, timeout: Duration) {
    let (client, end) = (producer.client().native_ptr(), Instant::now() + timeout);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let step = c_int::try_from(left.min(FAILURES_EVERY).as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the pointer is that of a live producer, which is borrowed for the whole call; the call is thread-safe by the
        // library's own documentation and keeps nothing.
        // What became of it shows in the commit, which fails where a message did.
        let flushed = Code::from(unsafe { native::rd_kafka_flush(client, step) });
        // A message that failed counts as queued until its report is taken.
        producer.poll(Duration::ZERO);
        if flushed == Code::NoError || left.is_zero() {
            return;
        }
    }
}

/// The headers of a record whose names are `kept`, in their order. Names that are no UTF-8 are none of those.
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

/// The id that the brokers gave a topic when it was created: 16 bytes. `None` where they give none, which is so before
/// Kafka 2.8. Blocks for `timeout` at most.
///
/// # Errors
/// The code of the library or of the brokers.
pub(crate) fn topic_id<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<[u8; 16]>, Code> {
    let name = CString::new(topic).map_err(|_| Code::InvalidTopic)?;
    let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    let client = client.native_ptr();
    let mut names = [name.as_ptr()];
    let mut text = [0; TEXT_BYTES];
    // SAFETY: the client is live and borrowed for the whole call. The queue, the options, the collection and the event are made
    // here and destroyed here, once each and after their last use; `name` and `text` outlive them. The description belongs
    // to the event, and nothing of it is kept.
    unsafe {
        let queue = native::rd_kafka_queue_new(client);
        let operation = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = native::rd_kafka_AdminOptions_new(client, operation);
        let _ = native::rd_kafka_AdminOptions_set_request_timeout(
            options,
            timeout_ms,
            text.as_mut_ptr(),
            text.len(),
        );
        let topics = native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        native::rd_kafka_DescribeTopics(client, topics, options, queue);
        let event = native::rd_kafka_queue_poll(queue, timeout_ms);
        let found = described(event);
        if !event.is_null() {
            native::rd_kafka_event_destroy(event);
        }
        native::rd_kafka_TopicCollection_destroy(topics);
        native::rd_kafka_AdminOptions_destroy(options);
        native::rd_kafka_queue_destroy(queue);
        found
    }
}

/// # Safety
/// `event` is null or a live event of the library.
unsafe fn described(event: *mut native::rd_kafka_event_t) -> Result<Option<[u8; 16]>, Code> {
    if event.is_null() {
        return Err(Code::OperationTimedOut);
    }
    // SAFETY: the event is live; what these calls answer belongs to it, and is looked at before it is destroyed.
    unsafe {
        let error = Code::from(native::rd_kafka_event_error(event));
        if error != Code::NoError {
            return Err(error);
        }
        let result = native::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(Code::Fail);
        }
        let mut count = 0;
        let topics = native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return Err(Code::UnknownTopicOrPartition);
        }
        let topic = *topics;
        let error = native::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            let code = Code::from(native::rd_kafka_error_code(error));
            if code != Code::NoError {
                return Err(code);
            }
        }
        let id = native::rd_kafka_TopicDescription_topic_id(topic);
        if id.is_null() {
            return Ok(None);
        }
        let (high, low) = (
            native::rd_kafka_Uuid_most_significant_bits(id),
            native::rd_kafka_Uuid_least_significant_bits(id),
        );
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&high.to_be_bytes());
        bytes[8..].copy_from_slice(&low.to_be_bytes());
        Ok(Some(bytes).filter(|bytes| *bytes != [0; 16]))
    }
}

/// What the client does where it cannot go on: no call of this producer succeeds any more.
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
    async fn a_header_whose_name_is_no_text_is_left_out() {
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
