//! How much one transaction decides: less after the log rejected one for its size, more again with each success.

use super::context::Context;
use super::interrupt::{HaltCode, Interrupt, InterruptCode};
use super::settings::Settings;

/// The most that one transaction decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct BatchSize {
    pub(super) inputs: usize,
    pub(super) facts: usize,
}

impl BatchSize {
    fn of(settings: &Settings) -> Self {
        Self { inputs: settings.batch_inputs_max, facts: settings.batch_facts_max }
    }

    /// Half of this size; `None` at the minimum.
    fn halved(self) -> Option<Self> {
        let half = Self { inputs: (self.inputs / 2).max(1), facts: (self.facts / 2).max(1) };
        (half != self).then_some(half)
    }

    fn doubled(self) -> Self {
        Self { inputs: self.inputs.saturating_mul(2), facts: self.facts.saturating_mul(2) }
    }
}

impl Context {
    pub(super) fn batch_size(&self) -> BatchSize {
        self.batch.unwrap_or_else(|| BatchSize::of(&self.settings))
    }

    /// The log rejected a transaction of this size. The retry decides the same inputs in smaller transactions.
    pub(super) fn shrink_batch(&mut self, batch: BatchSize) -> Interrupt {
        match batch.halved() {
            Some(half) => {
                self.batch = Some(half);
                let why = "the log rejected a transaction for its size; deciding less per transaction";
                Interrupt::again(InterruptCode::TransactionTooLarge, why)
            }
            None => Interrupt::halt(
                HaltCode::InputTooLarge,
                "the log rejects the outcome of a single input for its size: raise max.message.bytes of its topics to at \
                 least 1048576, then restart this process",
            ),
        }
    }

    pub(super) fn grow_batch(&mut self) {
        let full = BatchSize::of(&self.settings);
        let larger = self.batch.map(BatchSize::doubled);
        self.batch = larger.filter(|larger| larger.inputs < full.inputs || larger.facts < full.facts);
    }
}
