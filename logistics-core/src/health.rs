//! Whether a process can do its work, part by part.

use serde::{Deserialize, Serialize};

/// Whether one part of a process can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartHealth {
    /// The part, for example `partition 3` or `notifier`.
    pub name: String,
    /// It can do its work.
    pub ready: bool,
    /// What it is doing, or what it waits for and since when; for people.
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

/// Something whose health can be asked for. Answers at once, from what it knows.
pub trait HealthProbe: Send + Sync {
    /// The health now.
    fn health(&self) -> Health;
}
