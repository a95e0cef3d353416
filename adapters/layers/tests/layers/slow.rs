//! A slow port.

use std::time::Duration;

use async_trait::async_trait;
use logistics_core::port::{
    DocumentLookup, ListQuery, OrderReader, Page, PortError, StatusSummary, StoreCheckpoint,
};
use logistics_core::{OrderId, Partition, RequestId, RequestOutcome, Status, Version};
use tokio::time::sleep;

/// Answers every call of a reader after a second.
pub(crate) struct Slow;

pub(crate) const ANSWER: Duration = Duration::from_secs(1);

#[async_trait]
impl OrderReader for Slow {
    async fn document(&self, _: &OrderId) -> Result<DocumentLookup, PortError> {
        sleep(ANSWER).await;
        Ok(DocumentLookup::Unknown)
    }

    async fn checkpoint(&self, _: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        sleep(ANSWER).await;
        Ok(None)
    }

    async fn list(&self, _: &ListQuery) -> Result<Page, PortError> {
        sleep(ANSWER).await;
        Ok(Page::default())
    }

    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        sleep(ANSWER).await;
        Ok(StatusSummary::none())
    }

    async fn outcome(&self, _: &OrderId, _: &RequestId) -> Result<RequestOutcome, PortError> {
        sleep(ANSWER).await;
        Ok(RequestOutcome::Unchanged { version: Version(1), status: Status::Placed })
    }
}
