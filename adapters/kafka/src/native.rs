//! What the safe client does not offer as it is.
#![allow(
    unsafe_code,
    reason = "`rd_kafka_flush` as it is: the client's own flush sleeps between short polls; and, in tests, a failure for good"
)]

use rdkafka::client::ClientContext;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};

/// Sends what is queued at once, and waits until all of it is delivered or failed, for so long at most. The client's own
/// `flush` polls in steps of up to 100 ms, which a transaction would pay for each time.
pub(crate) fn flush<C: ClientContext + ProducerContext>(producer: &BaseProducer<C>, timeout_ms: i32) {
    let client = producer.client().native_ptr();
    // SAFETY: the pointer is that of a live producer, which is borrowed for the whole call; the call is thread-safe by the
    // library's own documentation and keeps nothing.
    // What became of it shows in the commit, which fails where a message did.
    let _ = unsafe { rdkafka::bindings::rd_kafka_flush(client, timeout_ms) };
}

/// What the client does where it cannot go on: no call of this producer succeeds any more.
#[cfg(test)]
pub(crate) fn fail_for_good<C: ClientContext + ProducerContext>(producer: &BaseProducer<C>) {
    use rdkafka::bindings::{rd_kafka_resp_err_t, rd_kafka_test_fatal_error};
    let code = rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    // SAFETY: the pointer is that of a live producer, which is borrowed for the whole call, and the text ends with a zero; the
    // call copies it.
    let _ = unsafe { rd_kafka_test_fatal_error(producer.client().native_ptr(), code, c"a test".as_ptr()) };
}
