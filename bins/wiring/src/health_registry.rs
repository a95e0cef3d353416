//! The health of all parts of a process.

use std::sync::{Arc, Mutex, PoisonError};

use logistics_core::health::{Health, HealthProbe};

/// The store's part, as its startup check and the monitor of dependencies name it.
pub(crate) const STORE_PART: &str = "store";

/// The health of all parts, in the order in which they came.
#[derive(Default)]
pub struct HealthRegistry(Mutex<Vec<Arc<dyn HealthProbe>>>);

impl HealthRegistry {
    /// Another part.
    pub fn add(&self, probe: Arc<dyn HealthProbe>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(probe);
    }

    /// Others in the place of all that there were: at no moment are there none.
    pub fn replace(&self, probes: Vec<Arc<dyn HealthProbe>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = probes;
    }
}

impl HealthProbe for HealthRegistry {
    fn health(&self) -> Health {
        let probes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Health { parts: probes.iter().flat_map(|probe| probe.health().parts).collect() }
    }
}
