//! All services of one system.

use std::net::SocketAddr;
use std::time::Duration;

use logistics_core::audit::Report;

use crate::load::Load;
use crate::process::Process;
use crate::system::System;

/// Clients of a load, and their pause between two orders.
const CLIENTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(20);

/// An API, processors and a notification service.
pub struct Services {
    /// The API.
    pub api: Process,
    /// The processors.
    pub processors: Vec<Process>,
    /// The notification service.
    pub notifications: Process,
}

impl Services {
    /// Starts them and waits until they are ready.
    ///
    /// # Panics
    /// When they never are.
    pub async fn start(system: &System, processors: usize) -> Self {
        let services = Self {
            api: system.api(),
            processors: (0..processors).map(|_| system.processor()).collect(),
            notifications: system.notifications(),
        };
        services.api.until_ready().await;
        services.notifications.until_ready().await;
        for processor in &services.processors {
            processor.until_ready().await;
        }
        services
    }

    /// Starts clients.
    #[must_use]
    pub fn load(&self) -> Load {
        Load::start("load", &[self.api.address()], CLIENTS, PAUSE)
    }

    /// Where its APIs are.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.api.address()]
    }

    /// Ends the clients, sees that everything holds, and stops everything in order.
    ///
    /// # Panics
    /// When something does not hold.
    pub async fn end(self, system: &System, load: Load) -> Report {
        let told = load.end().await;
        let report = system.settled(&told).await;
        assert_eq!(
            report.orders,
            told.orders.len() as u64,
            "every key is one order, and there are no others"
        );
        self.stop().await;
        report
    }

    /// Stops everything in order.
    ///
    /// # Panics
    /// When something does not end in order.
    pub async fn stop(self) {
        self.api.stop().await;
        for processor in self.processors {
            processor.stop().await;
        }
        self.notifications.stop().await;
    }
}
