//! Appending the requests of a reactor.

use crate::partitioner::partition_of;
use crate::port::{EventBus, PortError};
use crate::request::Request;
use crate::wire::{self, LogKeys};

/// Appends the requests in their order, signed if there are keys. When this returns, all are durable.
///
/// # Errors
/// [`PortError`] of the first append that failed. Those before it are in the log, and a repetition with the same ids is safe.
pub async fn append_requests(
    bus: &dyn EventBus,
    log_keys: Option<&LogKeys>,
    requests: &[Request],
) -> Result<(), PortError> {
    for request in requests {
        let record = wire::encode_request(request);
        let partition = partition_of(&request.order_id, bus.partitions());
        let payload = LogKeys::sign_input_with(log_keys, partition, record);
        bus.append(&request.order_id, payload).await?;
    }
    Ok(())
}
