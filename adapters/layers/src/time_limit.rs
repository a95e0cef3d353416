//! A limit in time.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use crate::error::CallError;
use crate::layer::{Layer, Operation};

/// Ends a call that takes longer than the limit with an error of the kind `Unavailable`. A call that waits by design has no
/// limit.
///
/// A write that is ended so has an unknown outcome: the port may still carry it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeLimit {
    limit_ms: u64,
}

impl TimeLimit {
    /// `limit_ms`: milliseconds that each call may take.
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
