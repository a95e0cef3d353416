//! Whether a process can do its work, part by part.

use serde::{Deserialize, Serialize};

/// Whether one part of a process can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartHealth {
    /// The part, for example `partition 3` or `notifier`.
    pub name: String,
    /// It can do its work.
    pub ready: bool,
    /// What the part does, or what it waits for and since when. For people: the wording may change.
    #[serde(default)]
    pub detail: String,
}

/// Whether a process can do its work: it is ready when every part is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The parts.
    pub parts: Vec<PartHealth>,
}

impl Health {
    /// Every part can do its work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|part| part.ready)
    }
}

/// Reports the health of a process. A probe makes no calls and does not wait.
pub trait HealthProbe: Send + Sync {
    /// The current health.
    fn health(&self) -> Health;
}
