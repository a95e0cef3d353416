//! What a scrape of the metrics shows of a processor.

use super::Processor;
use super::batch::Plan;
use super::live::{Cycle, Live};
use super::replaying::Replaying;
use super::stage::Stage;
use crate::ids::Timestamp;
use crate::observe::ProcessorReading;

/// The inputs and timers of a transaction under way. They have left the inbox and the timers, and are not answered yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Undecided {
    inputs: usize,
    /// When the log accepted the first of these.
    oldest_at: Option<Timestamp>,
    /// When the first of the timers was due.
    due: Option<Timestamp>,
}

impl Undecided {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            inputs: plan.inputs.len(),
            oldest_at: plan.inputs.first().map(|input| input.at),
            due: plan.due.first().map(|(due, _)| *due),
        }
    }
}

impl Processor {
    /// Brings a reading of this partition up to date. It takes constant time, so a driver can call it after each step.
    ///
    /// What the phase does not know keeps its value: while a partition waits for a retry, the inputs that were waiting before
    /// still wait. Two fields are the driver's: `phase_since`, and `memory_bytes`, because [`Self::memory_bytes`] visits each
    /// order of a transaction.
    pub fn update_reading(&self, reading: &mut ProcessorReading) {
        reading.partition = self.context.partition;
        reading.phase = self.phase().code();
        reading.memory_limit_bytes = self.context.settings.memory_bytes_max;
        reading.clock_skew_ms =
            self.skew().map(|skew| skew.ours.as_millis().saturating_sub(skew.log.as_millis()));
        match &self.stage {
            Stage::Live(live) => live.update_reading(reading),
            Stage::Replaying(replaying) => replaying.update_reading(reading),
            _ => {}
        }
    }
}

impl Live {
    fn update_reading(&self, reading: &mut ProcessorReading) {
        let (undecided, timers) = match &self.cycle {
            Cycle::Loading { plan, .. } => (Undecided::of(plan), plan.due.len()),
            // The timers that follow from what was decided are among the others already.
            Cycle::Committing { decided, .. } => (decided.undecided, 0),
            Cycle::Idle | Cycle::Comparing { .. } => (Undecided::default(), 0),
        };
        let oldest = undecided.oldest_at.or_else(|| self.inbox.front().map(|input| input.at));
        let due = [undecided.due, self.timers.next_due()].into_iter().flatten().min();
        reading.read_position = self.read_position;
        reading.answered = self.committed;
        reading.waiting_inputs = self.inbox.len() + undecided.inputs;
        reading.oldest_input_at = oldest;
        reading.timers = self.timers.len() + timers;
        reading.next_due = due;
    }
}

impl Replaying {
    fn update_reading(&self, reading: &mut ProcessorReading) {
        let replay = self.replay();
        reading.read_position = replay.position;
        reading.answered = replay.scan.next_unanswered();
        reading.timers = replay.timers.len();
        reading.next_due = replay.timers.next_due();
    }
}
