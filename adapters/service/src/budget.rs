//! The bytes that requests and replies may hold at a time, of all callers together.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ServiceError;

/// A bound on bytes: what is left of [`Options::in_flight_bytes_max`](crate::Options).
#[derive(Debug)]
pub struct Budget {
    left: Arc<Semaphore>,
    bytes_max: usize,
}

impl Budget {
    /// A budget of so many bytes; at most 4 GiB.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        // A permit is a byte, and permits are taken by a 32-bit number.
        let bytes_max = bytes_max.min(u32::MAX as usize);
        Self { left: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// The size of the whole budget, in bytes.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Takes so many bytes out of the budget. What is larger than the whole budget takes all of it.
    ///
    /// # Errors
    /// [`ServiceError::Overloaded`] at once, where they are not left.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, ServiceError> {
        let permits = u32::try_from(bytes.min(self.bytes_max)).unwrap_or(u32::MAX);
        let taken = self.left.clone().try_acquire_many_owned(permits);
        taken.map(|permit| Reservation { permit }).map_err(|_| ServiceError::Overloaded)
    }

    /// Bytes that stay in the budget until their last copy is dropped.
    ///
    /// # Errors
    /// As for [`Budget::reserve`].
    pub fn hold(&self, bytes: Bytes) -> Result<Bytes, ServiceError> {
        Ok(self.reserve(bytes.len())?.hold(bytes))
    }
}

/// Bytes of the budget. Dropping it gives them back.
#[derive(Debug)]
#[must_use = "a reservation that is dropped reserves nothing"]
pub struct Reservation {
    permit: OwnedSemaphorePermit,
}

impl Reservation {
    /// Keeps so many bytes at most and gives the others back.
    pub fn shrink(&mut self, bytes: usize) {
        let surplus = self.permit.num_permits().saturating_sub(bytes);
        drop(self.permit.split(surplus));
    }

    /// Adds the bytes of another reservation.
    pub fn add(&mut self, other: Reservation) {
        self.permit.merge(other.permit);
    }

    /// The reservation lives as long as these bytes.
    #[must_use]
    pub fn hold(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _reservation: self })
    }
}

struct Held {
    bytes: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_given_back_with_their_last_reader() {
        let budget = Budget::new(10);
        let held = budget.hold(Bytes::from_static(b"123456")).unwrap();
        let part = held.slice(0..1);
        assert!(budget.reserve(5).is_err());
        drop(held);
        assert!(budget.reserve(5).is_err(), "a part of them keeps all of them");
        drop(part);
        let mut all = budget.reserve(1000).unwrap();
        assert!(budget.reserve(1).is_err(), "what is larger than the budget takes all of it");
        all.shrink(4);
        all.add(budget.reserve(5).unwrap());
        assert!(budget.reserve(2).is_err() && budget.reserve(1).is_ok());
    }
}
