//! The history of an order.

use bytes::Bytes;
use logistics_core::{OrderId, Status, Version};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::ServiceError;
use crate::principal::Principal;
use crate::service::OrderService;

/// The facts of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// The order.
    pub order_id: OrderId,
    /// Its status.
    pub status: Status,
    /// Its version.
    pub version: Version,
    /// The JSON array of its facts, as the document holds it: each is a [`logistics_core::HistoryEntry`].
    pub events: Bytes,
}

/// The part of a document that is read; its history goes through as it is.
#[derive(Deserialize)]
struct Outline<'a> {
    status: Status,
    version: Version,
    #[serde(borrow)]
    history: &'a RawValue,
}

impl OrderService {
    /// The facts of an order.
    ///
    /// # Errors
    /// As for [`OrderService::find`]; `Unavailable` where the document cannot be read.
    pub async fn history(&self, principal: &Principal, order_id: &OrderId) -> Result<History, ServiceError> {
        let document = self.find(principal, order_id).await?.json;
        let outline: Outline<'_> =
            serde_json::from_slice(&document).map_err(|error| unreadable(order_id, &error))?;
        let events = document.slice_ref(outline.history.get().as_bytes());
        let (order_id, Outline { status, version, .. }) = (order_id.clone(), outline);
        Ok(History { order_id, status, version, events })
    }
}

/// The store holds a document that is no order's.
pub(crate) fn unreadable(order_id: &OrderId, error: &serde_json::Error) -> ServiceError {
    tracing::error!(%error, %order_id, "the store holds a document that cannot be read");
    ServiceError::Unavailable
}
