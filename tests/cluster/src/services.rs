//! The services of one system.

use std::net::SocketAddr;
use std::time::Duration;

use logistics_core::audit::Report;

use crate::load::Load;
use crate::process::Process;
use crate::system::System;

/// The number of clients of a load, and the pause of each between two orders.
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
    /// Starts the services and waits until they are ready.
    ///
    /// # Panics
    /// If they are not ready in time.
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

    /// The addresses of its APIs.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        vec![self.api.address()]
    }

    /// Ends the clients, checks every invariant, and stops the services.
    ///
    /// # Panics
    /// If a check fails.
    pub async fn end(self, system: &System, load: Load) -> Report {
        let clients = load.end().await;
        let report = system.settled(&clients).await;
        assert_eq!(
            report.orders,
            clients.orders.len() as u64,
            "each key has one order, and there are no other orders"
        );
        self.stop().await;
        report
    }

    /// Stops the services.
    ///
    /// # Panics
    /// If a service does not end with exit code 0.
    pub async fn stop(self) {
        self.api.stop().await;
        for processor in self.processors {
            processor.stop().await;
        }
        self.notifications.stop().await;
    }
}
