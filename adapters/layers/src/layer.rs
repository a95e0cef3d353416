//! What a decorator does with a call, whatever the port.

use std::future::Future;
use std::sync::Arc;

use crate::error::CallError;
use crate::layered::Layered;

/// A method of a port, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// The port, in lower case with underscores, such as `owner_store`.
    pub port: &'static str,
    /// The method, such as `load`.
    pub name: &'static str,
}

/// A decorator of every port. [`Layered`] passes each call to one of three methods.
///
/// To be correct, a layer makes a call at most once, except in [`Self::read`], and invents no success. A clone shares the
/// state of its original: what a port hands out (members, logs, readers) is decorated with clones.
pub trait Layer: Clone + Send + Sync + 'static {
    /// A call that changes something, or may. It is made once.
    fn call<T, E, F>(&self, operation: Operation, call: F) -> impl Future<Output = Result<T, E>> + Send
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send;

    /// A call that changes nothing, so that it may be repeated: `call` makes a new one each time.
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

    /// A call that waits by design until something happens, for ever if nothing does. It is made once and passes unchanged.
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
