//! Time.

use crate::ids::Timestamp;

/// The wall clock. It may step; the core never moves a fact's time back with it.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}
