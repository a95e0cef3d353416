//! The webhook endpoints, shared by the readers of the log and the attempts.

use std::sync::{Arc, PoisonError, RwLock};

use logistics_core::Partition;
use logistics_core::notify::Notification;
use logistics_core::webhook::{Endpoint, EndpointFact, EndpointId, Endpoints, FactIgnored};

/// Every endpoint. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    endpoints: Arc<RwLock<Endpoints>>,
    partitions: u32,
}

impl Registry {
    /// The registry of a log with this many partitions.
    pub(crate) fn new(partitions: u32) -> Self {
        Self { endpoints: Arc::default(), partitions }
    }

    /// The endpoint, deleted ones included.
    pub(crate) fn endpoint(&self, id: &EndpointId) -> Option<Arc<Endpoint>> {
        self.read(|endpoints| endpoints.get(id).cloned())
    }

    /// The endpoints that receive the notification.
    pub(crate) fn receivers(&self, notification: &Notification) -> Vec<EndpointId> {
        self.read(|endpoints| endpoints.receivers(notification).map(|endpoint| endpoint.id.clone()).collect())
    }

    /// The endpoints that get messages about this one.
    pub(crate) fn told_about(&self, endpoint: &Endpoint) -> Vec<Arc<Endpoint>> {
        self.read(|endpoints| endpoints.told_about(endpoint).cloned().collect())
    }

    /// Folds a fact of this partition. Returns the endpoint after it.
    pub(crate) fn fold(
        &self,
        fact: &EndpointFact,
        partition: Partition,
    ) -> Result<Arc<Endpoint>, FactIgnored> {
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        endpoints.fold(fact, partition, self.partitions)
    }

    fn read<T>(&self, read: impl FnOnce(&Endpoints) -> T) -> T {
        read(&self.endpoints.read().unwrap_or_else(PoisonError::into_inner))
    }
}
