//! Time.

use crate::ids::Timestamp;

/// The wall clock. It may step backwards; the times of an order's facts never do.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}
