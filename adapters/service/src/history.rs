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
    /// The JSON array of its facts, as in the document: each is a [`logistics_core::HistoryEntry`].
    pub events: Bytes,
}

/// The parsed part of a document; the history stays as it is.
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
    /// As for [`OrderService::find`]; `Unavailable` if the document is unreadable.
    pub async fn history(&self, principal: &Principal, order_id: &OrderId) -> Result<History, ServiceError> {
        let document = self.find(principal, order_id).await?.json;
        let outline: Outline<'_> =
            serde_json::from_slice(&document).map_err(|error| unreadable(Some(order_id), &error))?;
        let events = document.slice_ref(outline.history.get().as_bytes());
        let (order_id, Outline { status, version, .. }) = (order_id.clone(), outline);
        Ok(History { order_id, status, version, events })
    }
}

/// Reports a stored document that is not an order.
pub(crate) fn unreadable(order_id: Option<&OrderId>, error: &serde_json::Error) -> ServiceError {
    tracing::error!(%error, order_id = order_id.map(OrderId::as_str), "the store has an unreadable document");
    ServiceError::Unavailable
}
