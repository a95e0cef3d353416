//! A time limit for calls.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::error::CallError;
use crate::layer::{Layer, Operation};

/// Ends a call at the limit with an error of the kind `Unavailable`. A call that waits by design has no limit.
///
/// A write that ends this way has an unknown outcome: the port may still execute it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeLimit {
    limit_ms: u64,
}

impl TimeLimit {
    /// `limit_ms`: the maximum milliseconds of each call.
    #[must_use]
    pub fn new(limit_ms: u64) -> Self {
        Self { limit_ms }
    }
}

impl Layer for TimeLimit {
    async fn call<T, E, F>(&self, operation: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        let Operation { port, name } = operation;
        match timeout(Duration::from_millis(self.limit_ms), call).await {
            Ok(result) => result,
            Err(_) => Err(E::unavailable(format!("no answer to {port}.{name} within {} ms", self.limit_ms))),
        }
    }
}
