//! A layer for writes only.

use std::future::Future;

use crate::error::CallError;
use crate::layer::{Layer, Operation};

/// Applies a layer to calls that may change something. Reads and calls that wait by design pass unchanged.
///
/// A log that rejects appends may still be readable, so a circuit breaker of the appends must not end its reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Writes<L>(pub L);

impl<L: Layer> Layer for Writes<L> {
    async fn call<T, E, F>(&self, operation: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.0.call(operation, call).await
    }

    async fn read<T, E, F>(&self, _: Operation, call: impl Fn() -> F + Send + Sync) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        call().await
    }
}
