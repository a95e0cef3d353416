//! The services of one system under a monitor.

use std::net::SocketAddr;
use std::time::Duration;

use logistics_cluster_tests::load::Load;
use logistics_cluster_tests::process::Process;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;

use crate::monitor::{JOBS, Monitor};

pub(crate) struct Scene {
    pub(crate) system: System,
    pub(crate) services: Services,
    pub(crate) monitor: Monitor,
}

impl Scene {
    /// Starts an API, processors and a notification service, and waits until they are ready and no alert fires.
    pub(crate) async fn start(system: System, processors: usize) -> Self {
        let services = Services::start(&system, processors).await;
        let monitor = Monitor::start(None);
        let mut scene = Self { system, services, monitor };
        scene.scrape(&[]);
        scene.monitor.until_quiet(2 + processors).await;
        scene
    }

    /// Scrapes the processes of the services, and further ones.
    pub(crate) fn scrape(&self, further: &[(&str, &Process)]) {
        let own = std::iter::once(("order-api", &self.services.api))
            .chain(self.services.processors.iter().map(|process| ("order-processor", process)))
            .chain(std::iter::once(("notification-service", &self.services.notifications)));
        let all: Vec<_> = own.chain(further.iter().copied()).collect();
        for job in JOBS {
            let of_job = all.iter().filter(|(of, _)| *of == job);
            let addresses: Vec<SocketAddr> = of_job.map(|(_, process)| process.address()).collect();
            self.monitor.scrape(job, &addresses);
        }
    }

    /// Some twenty orders a second, so that work waits as soon as something stops.
    pub(crate) fn load(&self) -> Load {
        Load::start("alerts", &self.services.addresses(), 2, Duration::from_millis(100))
    }

    /// The alert fires, the repair happens, and the alert clears.
    pub(crate) async fn fires_and_clears(&mut self, alert: &str, repair: impl AsyncFnOnce(&mut Self)) {
        self.monitor.fires(alert).await;
        repair(self).await;
        self.monitor.clears().await;
    }
}
