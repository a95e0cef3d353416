//! The health of all parts of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::observe::{Gauges, Reading};

/// The store's part, as its startup check and the monitor of dependencies name it.
pub(crate) const STORE_PART: &str = "store";

/// A part that is not ready until the services have started. Without it, a process without parts would count as ready.
const START_PART: &str = "start";

/// The health of all parts, in the order of their addition. Not ready until [`HealthRegistry::replace`].
#[derive(Default)]
pub struct HealthRegistry(Mutex<Parts>);

#[derive(Default)]
struct Parts {
    probes: Vec<Arc<dyn HealthProbe>>,
    /// The services have started.
    started: bool,
}

impl HealthRegistry {
    /// Adds a part.
    pub fn add(&self, probe: Arc<dyn HealthProbe>) {
        self.lock().probes.push(probe);
    }

    /// Replaces the parts of the start by those of the started services, atomically.
    pub fn replace(&self, probes: Vec<Arc<dyn HealthProbe>>) {
        *self.lock() = Parts { probes, started: true };
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HealthProbe for HealthRegistry {
    fn health(&self) -> Health {
        let parts = self.lock();
        let mut health =
            Health { parts: parts.probes.iter().flat_map(|probe| probe.health().parts).collect() };
        if !parts.started && health.is_ready() {
            let (name, detail) = (START_PART.to_owned(), "the services have not started".to_owned());
            health.parts.push(PartHealth { name, ready: false, detail });
        }
        health
    }
}

/// Answers whether the process is ready: what `/health/ready` replies, apart from the time of a drain.
pub(crate) struct Readiness {
    pub(crate) registry: Arc<HealthRegistry>,
    /// The parts without which the process is ready and degraded.
    pub(crate) degradable: &'static [&'static str],
}

impl Gauges for Readiness {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        let parts = self.registry.health().parts;
        into(Reading::Ready(parts.iter().all(|part| part.ready || self.degradable.contains(&&*part.name))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ready;

    impl HealthProbe for Ready {
        fn health(&self) -> Health {
            Health { parts: vec![PartHealth { name: "log".to_owned(), ready: true, detail: String::new() }] }
        }
    }

    #[test]
    fn a_process_is_not_ready_before_its_services_start() {
        let registry = HealthRegistry::default();
        assert!(!registry.health().is_ready(), "nothing is checked yet");
        registry.add(Arc::new(Ready));
        assert!(!registry.health().is_ready(), "the services have not started");
        registry.replace(vec![Arc::new(Ready)]);
        assert!(registry.health().is_ready());
    }

    struct StoreDown;

    impl HealthProbe for StoreDown {
        fn health(&self) -> Health {
            let part = PartHealth { name: STORE_PART.to_owned(), ready: false, detail: String::new() };
            Health { parts: vec![part] }
        }
    }

    #[test]
    fn a_degraded_process_is_ready() {
        let registry = Arc::new(HealthRegistry::default());
        let is_ready = |degradable| {
            let mut readings = Vec::new();
            Readiness { registry: registry.clone(), degradable }.read(&mut |reading| readings.push(reading));
            readings
        };
        assert_eq!(is_ready(&[]), [Reading::Ready(false)]);
        registry.replace(vec![Arc::new(Ready)]);
        assert_eq!(is_ready(&[]), [Reading::Ready(true)]);
        registry.add(Arc::new(StoreDown));
        assert_eq!(is_ready(&[]), [Reading::Ready(false)]);
        assert_eq!(is_ready(&[STORE_PART]), [Reading::Ready(true)]);
    }
}
