//! Monitors what a store contains and how full it is.

use std::fmt;
use std::sync::Arc;

use logistics_core::observe::{Gauges, Reading, StoreReading};
use logistics_core::port::{OrderReader, PortError, StatusSummary};

use crate::options::PollOptions;
use crate::poll::Polled;

/// Polls the number of orders of each status and the usage of the store, and answers the latest of both as [`Gauges`].
///
/// After [`PollOptions::failures_max`] failed polls it has no reading, because an old number would look like the current one. Dropping
/// the monitor ends the polls.
pub struct StoreMonitor {
    options: PollOptions,
    orders: Option<Polled<Vec<StatusSummary>>>,
    usage: Option<Polled<StoreReading>>,
}

impl StoreMonitor {
    /// A monitor of nothing.
    #[must_use]
    pub fn new(options: PollOptions) -> Self {
        Self { options, orders: None, usage: None }
    }

    /// Polls the orders of each status: [`Reading::Orders`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn orders(mut self, reader: Arc<dyn OrderReader>) -> Self {
        let query = move || {
            let reader = reader.clone();
            async move { reader.summary().await }
        };
        let orders = Polled::start("the numbers of orders by status", self.options, query, |orders| orders);
        self.orders = Some(orders);
        self
    }

    /// Polls how full the store is: [`Reading::Store`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn usage<F>(mut self, query: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<StoreReading, PortError>> + Send + 'static,
    {
        self.usage =
            Some(Polled::start("the memory and limits of the store", self.options, query, |usage| usage));
        self
    }
}

impl Gauges for StoreMonitor {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        for summary in self.orders.as_ref().and_then(Polled::latest).into_iter().flatten() {
            into(Reading::Orders(summary));
        }
        if let Some(usage) = self.usage.as_ref().and_then(Polled::latest) {
            into(Reading::Store(usage));
        }
    }
}

impl fmt::Debug for StoreMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreMonitor").field("options", &self.options).finish_non_exhaustive()
    }
}
