//! The ends of partitions, with one request to each leader. The safe client has the ends of one isolation level only, which is that of
//! all its calls, and takes two requests for each partition.

use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::admin::response;

/// Which records an end is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// All records: the high watermark.
    Uncommitted,
    /// The records that committed readers reach: the last stable offset.
    Committed,
}

/// The ends of the first `partitions` partitions of a topic. Blocks for `timeout` at most.
///
/// # Errors
/// The code of the library or of the brokers, also if one partition has none.
pub(crate) fn ends<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partitions: i32,
    isolation: Isolation,
    timeout: Duration,
) -> Result<Vec<i64>, Code> {
    let mut asked = TopicPartitionList::with_capacity(usize::try_from(partitions).unwrap_or_default());
    for partition in 0..partitions {
        asked.add_partition_offset(topic, partition, Offset::End).map_err(|_| Code::InvalidArgument)?;
    }
    let operation = native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
    let level = match isolation {
        Isolation::Uncommitted => {
            native::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
        }
        Isolation::Committed => native::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
    };
    // SAFETY: the client, the options and the queue are live during the calls, which copy the list; `asked` outlives them. The
    // options were made for this operation, and `response` made them mutable.
    let send = |client, options: *const native::rd_kafka_AdminOptions_t, queue| unsafe {
        let error = native::rd_kafka_AdminOptions_set_isolation_level(options.cast_mut(), level);
        if !error.is_null() {
            native::rd_kafka_error_destroy(error);
        }
        native::rd_kafka_ListOffsets(client, asked.ptr(), options, queue);
    };
    let mut ends = vec![Err(Code::UnknownPartition); asked.count()];
    // SAFETY: `listed` is only given the event of that operation.
    response(client, operation, timeout, send, |event| unsafe { listed(event, &mut ends) })?;
    ends.into_iter().collect()
}

/// Sets the end, or the error, of each partition in the response.
///
/// # Safety
/// `event` is a live event of the library.
unsafe fn listed(event: *mut native::rd_kafka_event_t, ends: &mut [Result<i64, Code>]) -> Result<(), Code> {
    // SAFETY: the event is live; what these calls answer belongs to it, and is copied before it is destroyed. The array has as many
    // elements as the library says.
    unsafe {
        let result = native::rd_kafka_event_ListOffsets_result(event);
        if result.is_null() {
            return Err(Code::Fail);
        }
        let mut count = 0;
        let infos = native::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        for at in 0..count {
            let partition = &*native::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(at));
            let place = usize::try_from(partition.partition).ok().and_then(|place| ends.get_mut(place));
            if let Some(end) = place {
                *end = match Code::from(partition.err) {
                    Code::NoError => Ok(partition.offset),
                    code => Err(code),
                };
            }
        }
        Ok(())
    }
}
