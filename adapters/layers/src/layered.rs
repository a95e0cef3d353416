//! A port behind a layer.

use std::fmt;
use std::sync::Arc;

/// A port behind a layer. It implements the same port, and what it returns is behind the layer too.
pub struct Layered<P: ?Sized, L> {
    pub(crate) port: Arc<P>,
    pub(crate) layer: L,
}

impl<P: ?Sized, L> Layered<P, L> {
    /// The port behind the layer.
    #[must_use]
    pub fn new(port: Arc<P>, layer: L) -> Self {
        Self { port, layer }
    }
}

impl<P: ?Sized, L> fmt::Debug for Layered<P, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered").finish_non_exhaustive()
    }
}

/// A subscription or a tail behind a layer.
pub struct LayeredReader<P: ?Sized, L> {
    pub(crate) port: Box<P>,
    pub(crate) layer: L,
}

impl<P: ?Sized, L> LayeredReader<P, L> {
    /// The reader behind the layer.
    #[must_use]
    pub fn new(port: Box<P>, layer: L) -> Self {
        Self { port, layer }
    }
}

impl<P: ?Sized, L> fmt::Debug for LayeredReader<P, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredReader").finish_non_exhaustive()
    }
}
