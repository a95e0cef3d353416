//! The processor of one partition, without I/O: replies in, effects out.

mod effect;
mod settings;

pub use effect::{Effect, Notice, Now, Phase, Reply, Stamp};
pub use settings::Settings;

use crate::ids::Partition;

/// The state machine that owns one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Processor {
    partition: Partition,
    settings: Settings,
}

impl Processor {
    /// A processor for a partition that was just assigned. Its first effect is to acquire it.
    #[must_use]
    pub fn new(partition: Partition, settings: Settings, _now: Now) -> Self {
        Self { partition, settings }
    }

    /// Takes in what came of an effect.
    pub fn handle(&mut self, _now: Now, _stamp: Stamp, _reply: Reply) {}

    /// The next thing to do now, if there is one. To be called until it answers `None`, after every call of
    /// [`Self::handle`] and whenever [`Self::wake_in_ms`] has passed.
    pub fn poll_effect(&mut self, _now: Now) -> Option<(Stamp, Effect)> {
        None
    }

    /// Milliseconds after which [`Self::poll_effect`] will have something to do though nothing was handled; `None`: never.
    #[must_use]
    pub fn wake_in_ms(&self, _now: Now) -> Option<u64> {
        None
    }

    /// The next thing worth a log line, if there is one.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        None
    }

    /// Begins to give the partition up: no new transaction. With `flush`, the store is brought up to date first; without,
    /// only an open transaction is waited for. [`Self::phase`] says `Dropped` when it is done.
    pub fn stop(&mut self, _now: Now, _flush: bool) {}

    /// Stops for good, for a reason from outside such as a panic.
    pub fn halt(&mut self, _reason: String) {}

    /// Where it is.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &Phase::Dropped
    }

    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
