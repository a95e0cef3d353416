//! Appending a request to the log.

use logistics_core::{Offset, Request, partition_of, wire};

use crate::error::ServiceError;
use crate::service::Shared;

impl Shared {
    /// Appends a request, signed if there is a log key. `doing` completes "could not ..." in the log.
    ///
    /// The signature proves that a holder of the key wrote the request. A copy of the record proves this too, and it has the
    /// same request id: if the request placed or moved its order, the copy changes nothing. If the request was rejected or
    /// changed nothing, its copy is decided by the state that the order has then.
    pub(crate) async fn append(
        &self,
        doing: &'static str,
        request: &Request,
    ) -> Result<Offset, ServiceError> {
        let record = wire::encode_request(request);
        let payload = match &self.options.log_keys {
            Some(keys) => keys.sign_input(partition_of(&request.order_id, self.bus.partitions()), &record),
            None => record,
        };
        self.port(doing, self.bus.append(&request.order_id, payload)).await
    }
}
