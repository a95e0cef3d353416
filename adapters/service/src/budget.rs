//! A limit on the bytes of all requests and replies in flight.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ServiceError;

/// A limit on bytes in flight, of all callers together: [`Options::in_flight_bytes_max`](crate::Options).
#[derive(Debug)]
pub struct Budget {
    left: Arc<Semaphore>,
    bytes_max: usize,
}

impl Budget {
    /// A budget of `bytes_max` bytes, 4 GiB at most.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        // A permit is a byte, and the semaphore counts the permits of a call in 32 bits.
        let bytes_max = bytes_max.min(u32::MAX as usize);
        Self { left: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// The size of the budget, in bytes.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Reserves bytes. A reservation that exceeds the budget reserves all of it.
    ///
    /// # Errors
    /// [`ServiceError::Overloaded`] at once, if the budget has fewer bytes left.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, ServiceError> {
        let permits = u32::try_from(bytes.min(self.bytes_max)).unwrap_or(u32::MAX);
        let taken = self.left.clone().try_acquire_many_owned(permits);
        taken.map(|permit| Reservation { permit }).map_err(|_| ServiceError::Overloaded)
    }

    /// Reserves the length of `bytes` until their last copy is dropped.
    ///
    /// # Errors
    /// As for [`Budget::reserve`].
    pub fn hold(&self, bytes: Bytes) -> Result<Bytes, ServiceError> {
        Ok(self.reserve(bytes.len())?.hold(bytes))
    }
}

/// Reserved bytes of a [`Budget`]. Dropping the reservation returns them.
#[derive(Debug)]
#[must_use = "a reservation that is dropped reserves nothing"]
pub struct Reservation {
    permit: OwnedSemaphorePermit,
}

impl Reservation {
    /// Keeps at most `bytes` and returns the rest to the budget.
    pub fn shrink(&mut self, bytes: usize) {
        let surplus = self.permit.num_permits().saturating_sub(bytes);
        drop(self.permit.split(surplus));
    }

    /// Adds the bytes of another reservation.
    pub fn add(&mut self, other: Reservation) {
        self.permit.merge(other.permit);
    }

    /// Attaches the reservation to `bytes`: it is returned when their last copy is dropped.
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
    fn bytes_return_to_the_budget_with_their_last_copy() {
        let budget = Budget::new(10);
        let held = budget.hold(Bytes::from_static(b"123456")).unwrap();
        let part = held.slice(0..1);
        assert!(budget.reserve(5).is_err());
        drop(held);
        assert!(budget.reserve(5).is_err(), "a slice keeps the whole reservation");
        drop(part);
        let mut all = budget.reserve(1000).unwrap();
        assert!(budget.reserve(1).is_err(), "a larger reservation takes the whole budget");
        all.shrink(4);
        all.add(budget.reserve(5).unwrap());
        assert!(budget.reserve(2).is_err() && budget.reserve(1).is_ok());
    }
}
