//! Admin requests on an existing client. The safe `AdminClient` is another client with its own connections, and its events are never
//! polled.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode as Code;

/// Bytes of the library's error text about a setting.
const TEXT_BYTES: usize = 256;

/// The settings of each topic that have a value, the brokers' defaults included.
pub(crate) type Configs = BTreeMap<String, BTreeMap<String, String>>;

/// The topic id: 16 bytes. `None` on brokers before Kafka 2.8, which assign none. Blocks for `timeout` at most.
///
/// # Errors
/// The code of the library or of the brokers.
pub(crate) fn topic_id<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<[u8; 16]>, Code> {
    let name = CString::new(topic).map_err(|_| Code::InvalidTopic)?;
    let mut names = [name.as_ptr()];
    let operation = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    // SAFETY: the client, the options and the queue are live during the call, which copies the collection; that is made here and
    // destroyed here, and `name` outlives it.
    let send = |client, options, queue| unsafe {
        let topics = native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        native::rd_kafka_DescribeTopics(client, topics, options, queue);
        native::rd_kafka_TopicCollection_destroy(topics);
    };
    // SAFETY: `described` is only given the event of that operation.
    response(client, operation, timeout, send, |event| unsafe { described(event) })
}

/// The settings of these topics. Blocks for `timeout` at most.
///
/// # Errors
/// The code of the library or of the brokers.
pub(crate) fn configs<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> Result<Configs, Code> {
    let names = topics.iter().map(|topic| CString::new(*topic)).collect::<Result<Vec<_>, _>>();
    let names = names.map_err(|_| Code::InvalidTopic)?;
    let operation = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
    // SAFETY: the client, the options and the queue are live during the call, which copies the resources; those are made here
    // and destroyed here, and copy their names.
    let send = |client, options, queue| unsafe {
        let topic = native::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        let resource = |name: &CString| native::rd_kafka_ConfigResource_new(topic, name.as_ptr());
        let mut resources: Vec<_> = names.iter().map(resource).collect();
        native::rd_kafka_DescribeConfigs(client, resources.as_mut_ptr(), resources.len(), options, queue);
        native::rd_kafka_ConfigResource_destroy_array(resources.as_mut_ptr(), resources.len());
    };
    // SAFETY: `configured` is only given the event of that operation.
    response(client, operation, timeout, send, |event| unsafe { configured(event) })
}

/// Sends a request and waits for the response. `take` gets a live event without an error, and must keep nothing of it.
pub(super) fn response<C: ClientContext, T>(
    client: &Client<C>,
    operation: native::rd_kafka_admin_op_t,
    timeout: Duration,
    send: impl FnOnce(
        *mut native::rd_kafka_t,
        *const native::rd_kafka_AdminOptions_t,
        *mut native::rd_kafka_queue_t,
    ),
    take: impl FnOnce(*mut native::rd_kafka_event_t) -> Result<T, Code>,
) -> Result<T, Code> {
    let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    let client = client.native_ptr();
    let mut text = [0; TEXT_BYTES];
    // SAFETY: the client is live and borrowed for the whole call. The queue, the options and the event are made here and
    // destroyed here, once each and after their last use; `text` outlives them.
    unsafe {
        let queue = native::rd_kafka_queue_new(client);
        let options = native::rd_kafka_AdminOptions_new(client, operation);
        let _ = native::rd_kafka_AdminOptions_set_request_timeout(
            options,
            timeout_ms,
            text.as_mut_ptr(),
            text.len(),
        );
        send(client, options, queue);
        let event = native::rd_kafka_queue_poll(queue, timeout_ms);
        let answer = if event.is_null() {
            Err(Code::OperationTimedOut)
        } else {
            let answer = match Code::from(native::rd_kafka_event_error(event)) {
                Code::NoError => take(event),
                code => Err(code),
            };
            native::rd_kafka_event_destroy(event);
            answer
        };
        native::rd_kafka_AdminOptions_destroy(options);
        native::rd_kafka_queue_destroy(queue);
        answer
    }
}

/// # Safety
/// `event` is a live event of the library.
unsafe fn described(event: *mut native::rd_kafka_event_t) -> Result<Option<[u8; 16]>, Code> {
    // SAFETY: the event is live; what these calls answer belongs to it, and is looked at before it is destroyed.
    unsafe {
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

/// # Safety
/// `event` is a live event of the library.
unsafe fn configured(event: *mut native::rd_kafka_event_t) -> Result<Configs, Code> {
    // SAFETY: the event is live; what these calls answer belongs to it, and is copied before it is destroyed. The arrays have as
    // many elements as the library says.
    unsafe {
        let result = native::rd_kafka_event_DescribeConfigs_result(event);
        if result.is_null() {
            return Err(Code::Fail);
        }
        let mut count = 0;
        let resources = native::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
        let mut all = Configs::new();
        for at in 0..count {
            let resource = *resources.add(at);
            match Code::from(native::rd_kafka_ConfigResource_error(resource)) {
                Code::NoError => {}
                code => return Err(code),
            }
            let mut count = 0;
            let entries = native::rd_kafka_ConfigResource_configs(resource, &raw mut count);
            let mut settings = BTreeMap::new();
            for at in 0..count {
                let entry = *entries.add(at);
                let name = text(native::rd_kafka_ConfigEntry_name(entry));
                settings.extend(name.zip(text(native::rd_kafka_ConfigEntry_value(entry))));
            }
            all.extend(text(native::rd_kafka_ConfigResource_name(resource)).map(|name| (name, settings)));
        }
        Ok(all)
    }
}

/// A copy of a text; `None` where there is none.
///
/// # Safety
/// `text` is null, or ends with a zero and is live.
unsafe fn text(text: *const c_char) -> Option<String> {
    // SAFETY: as above.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
