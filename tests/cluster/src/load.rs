//! Clients of a system under test, for async tests.

use std::net::SocketAddr;
use std::time::Duration;

pub use logistics_test_support::load::ClientReport;
use logistics_test_support::load::{self, Pace};
use tokio::task::spawn_blocking;

/// The time limit of a call with its retries, and of the end of a load.
const PATIENCE: Duration = Duration::from_secs(120);

/// Running clients. They cancel every fifth order.
pub struct Load(load::Load);

impl Load {
    /// Starts clients that call these APIs and change to the next one after a failure. `name` makes their keys unique.
    #[must_use]
    pub fn start(name: &str, apis: &[SocketAddr], clients: usize, pause: Duration) -> Self {
        let retry = Duration::from_millis(100);
        let pace =
            Pace { clients, pause, retry, patience: PATIENCE, cancel_every: Some(5), ..Pace::default() };
        Self(load::Load::start(name, apis, pace))
    }

    /// The number of acknowledged orders.
    #[must_use]
    pub fn placed(&self) -> u64 {
        self.0.placed()
    }

    /// Waits until this many more orders are acknowledged.
    ///
    /// # Panics
    /// If they are not acknowledged in time.
    pub async fn more(&self, orders: u64) {
        let wanted = self.placed() + orders;
        logistics_containers::until("clients placed orders", async || self.placed() >= wanted).await;
    }

    /// Waits until the clients have finished their current calls, and returns the recorded replies.
    ///
    /// # Panics
    /// If a client got an unexpected answer, or none.
    pub async fn end(self) -> ClientReport {
        let ended = tokio::time::timeout(PATIENCE, spawn_blocking(|| self.0.end())).await;
        ended.expect("every call is answered in time").expect("clients got expected answers only")
    }
}
