//! Clients of a system under test, for what must not block.

use std::net::SocketAddr;
use std::time::Duration;

pub use logistics_test_support::load::Told;
use logistics_test_support::load::{self, Pace};
use tokio::task::spawn_blocking;

/// How long clients wait for an answer, and the end of the load for all of them.
const PATIENCE: Duration = Duration::from_secs(120);

/// Clients at work, every fifth of whose orders is called off.
pub struct Load(load::Load);

impl Load {
    /// Starts clients that talk to these APIs, one after the other where one fails. `name` makes their keys their own.
    #[must_use]
    pub fn start(name: &str, apis: &[SocketAddr], clients: usize, pause: Duration) -> Self {
        let retry = Duration::from_millis(100);
        let pace =
            Pace { clients, pause, retry, patience: PATIENCE, cancel_every: Some(5), ..Pace::default() };
        Self(load::Load::start(name, apis, pace))
    }

    /// Orders that clients were told of.
    #[must_use]
    pub fn placed(&self) -> u64 {
        self.0.placed()
    }

    /// Waits until so many more orders are placed.
    ///
    /// # Panics
    /// When they never are.
    pub async fn more(&self, orders: u64) {
        let wanted = self.placed() + orders;
        logistics_containers::until("clients placed orders", async || self.placed() >= wanted).await;
    }

    /// The clients finish what they are at, each call repeated until it is answered; and what they were told.
    ///
    /// # Panics
    /// When a client got an impossible answer, or none.
    pub async fn end(self) -> Told {
        let ended = tokio::time::timeout(PATIENCE, spawn_blocking(|| self.0.end())).await;
        ended.expect("every call is answered in the end").expect("clients that saw nothing odd")
    }
}
