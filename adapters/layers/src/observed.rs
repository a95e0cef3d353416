//! Observation of calls.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use logistics_core::observe::{Observer, PortCall};
use tokio::time::Instant;

use crate::error::CallError;
use crate::layer::{Layer, Operation};

/// Reports each completed call to an observer. A cancelled call is not reported, so this belongs around a
/// [`TimeLimit`](crate::TimeLimit).
#[derive(Clone)]
pub struct Observed {
    observer: Arc<dyn Observer>,
}

impl Observed {
    /// Reports to this observer.
    #[must_use]
    pub fn new(observer: Arc<dyn Observer>) -> Self {
        Self { observer }
    }

    async fn report<T, E: CallError>(
        &self,
        call: impl Future<Output = Result<T, E>> + Send,
        report: impl FnOnce(PortCall) -> PortCall + Send,
        operation: Operation,
    ) -> Result<T, E> {
        let began = Instant::now();
        let result = call.await;
        let outcome = result.as_ref().map(drop).map_err(CallError::kind);
        let call = PortCall::new(operation.port, operation.name, outcome, began.elapsed());
        self.observer.port_call(&report(call));
        result
    }
}

impl Layer for Observed {
    async fn call<T, E, F>(&self, operation: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.report(call, |call| call, operation).await
    }

    async fn wait<T, E, F>(&self, operation: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.report(call, PortCall::waiting, operation).await
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").finish_non_exhaustive()
    }
}
