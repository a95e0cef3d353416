//! The decorator of a call of any port.

use std::future::Future;
use std::sync::Arc;

use crate::error::CallError;
use crate::layered::Layered;

/// The name of a port's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The port, in lower case with underscores, such as `owner_store`.
    pub port: &'static str,
    /// The method, such as `load`.
    pub name: &'static str,
}

/// A decorator of every port. [`Layered`] passes each call to one of three methods.
///
/// To be correct, a layer makes a call at most once, except in [`Self::read`], and never returns a success that the port did
/// not return. A clone shares the state of its original, because clones decorate what a port returns: memberships, logs and
/// readers.
pub trait Layer: Clone + Send + Sync + 'static {
    /// A call that may change something. It is made at most once.
    fn call<T, E, F>(&self, operation: Operation, call: F) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send;

    /// A call that changes nothing, so it may be repeated. Each use of `call` makes a new one.
    fn read<T, E, F>(
        &self,
        operation: Operation,
        call: impl Fn() -> F + Send + Sync,
    ) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.call(operation, call())
    }

    /// A call that waits by design until something happens, possibly for ever. It passes unchanged by default.
    fn wait<T, E, F>(&self, operation: Operation, call: F) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        let _ = operation;
        call
    }

    /// The port behind this layer.
    fn over<P: ?Sized>(self, port: Arc<P>) -> Arc<Layered<P, Self>> {
        Arc::new(Layered::new(port, self))
    }
}

/// Two layers as one: the first is around the second. A call through both costs one allocation, as through one of them.
impl<A: Layer, B: Layer> Layer for (A, B) {
    async fn call<T, E, F>(&self, operation: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.0.call(operation, self.1.call(operation, call)).await
    }

    async fn read<T, E, F>(&self, operation: Operation, call: impl Fn() -> F + Send + Sync) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.0.read(operation, || self.1.read(operation, &call)).await
    }

    async fn wait<T, E, F>(&self, operation: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        self.0.wait(operation, self.1.wait(operation, call)).await
    }
}
