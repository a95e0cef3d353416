//! Whose order it is. An order of another party does not exist for a principal: it gets the reply, and the time, of an absent one.

use std::time::Duration;

use logistics_core::OrderId;
use logistics_core::notify::Parties;
use logistics_core::port::OrderParties;
use tokio::time::Instant;

use crate::error::ServiceError;
use crate::history::unreadable;
use crate::principal::Principal;

/// `NotFound` reaches a party at a multiple of this time after its call, in milliseconds. The store takes more steps to report an
/// absent order than to read the order of another party, and the multiple hides the difference.
const NOT_FOUND_STEP_MS: u64 = 5;

impl Principal {
    /// Whether the principal sees the order with this document.
    ///
    /// # Errors
    /// [`ServiceError::Unavailable`] if the document is unreadable.
    pub(crate) fn sees_document(&self, order_id: &OrderId, json: &[u8]) -> Result<bool, ServiceError> {
        if self.sees_every_order() {
            return Ok(true);
        }
        if let Some(tracked) = self.tracked_order() {
            return Ok(tracked == order_id);
        }
        let parties =
            OrderParties::from_document(json).map_err(|error| unreadable(Some(order_id), &error))?;
        Ok(self.sees(Parties::from(&parties)))
    }
}

/// Delays a `NotFound` for a party, so that its time does not show whether the order exists.
pub(crate) async fn level<T>(
    principal: &Principal,
    call: impl Future<Output = Result<T, ServiceError>>,
) -> Result<T, ServiceError> {
    let start = Instant::now();
    let result = call.await;
    if matches!(result, Err(ServiceError::NotFound)) && !principal.sees_every_order() {
        let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX - NOT_FOUND_STEP_MS);
        let until = (took / NOT_FOUND_STEP_MS + 1) * NOT_FOUND_STEP_MS;
        tokio::time::sleep_until(start + Duration::from_millis(until)).await;
    }
    result
}
