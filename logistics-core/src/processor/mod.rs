//! The processor of one partition, without I/O: replies in, effects out.
//!
//! ```text
//! acquire -> recover -> read the end -> check -> replay -> live: read -> plan -> load -> decide -> commit -> merge
//!    ^                                                                                              |        |
//!    +------- ask the group <- wait <- anything that failed: all state is discarded <---------------+        +-> write to the store
//! ```
//!
//! A driver makes the calls that [`Processor::poll_effect`] names and passes the replies to [`Processor::handle`]. The
//! processor guarantees, even if calls fail, hang, or have an unknown outcome:
//!
//! - no decision before the partition is acquired and replayed to the end that was read after the acquisition;
//! - a transaction is never retried from memory: anything but a clear success discards all state;
//! - decisions use states that the store had at a token of this acquisition, plus what this acquisition committed;
//! - a checkpoint is continued on the log that it was made from, and on no other;
//! - a record that claims to be an owner's and cannot be one changes no order and is dead-lettered;
//! - with a log key, so does an unsigned input that [`ProducerRoles`] does not permit;
//! - a record of a newer release halts the partition and is never skipped.
//!
//! Each stage is a type with its own file and transitions (`stage.rs`). `context.rs` has what outlives a stage.

mod acquiring;
mod basis;
mod batch;
mod batch_size;
mod checking;
mod chunk;
mod clearing;
mod clocks;
mod context;
mod cycle;
mod dead_letter;
mod effect;
mod event;
mod gauges;
mod input;
mod interrupt;
mod live;
mod memory;
mod own;
mod planning;
mod producer_roles;
mod reading;
mod replay;
mod replaying;
mod report;
mod scan;
mod settings;
mod stage;
mod timers;
mod waiting;
mod write_buffer;

pub use dead_letter::DeadLetterCode;
pub use effect::{CallId, Effect, Now, Phase, Reply, Skew};
pub use event::ProcessorEvent;
pub use interrupt::{HaltCode, InterruptCode};
pub use producer_roles::{InvalidProducerRoles, ProducerRoles};
pub use settings::Settings;

use crate::ids::{Offset, Partition};
use crate::observe::TransactionReport;
use acquiring::Acquiring;
use context::{Context, Stopping};
use interrupt::Interrupt;
use stage::Stage;

/// The state machine that owns one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Processor {
    stage: Stage,
    context: Context,
}

impl Processor {
    /// A processor for a partition that was just assigned. Its first effect is to acquire it.
    #[must_use]
    pub fn new(partition: Partition, settings: Settings, _now: Now) -> Self {
        let mut context = Context::new(partition, settings);
        Self { stage: Acquiring::begin(&mut context), context }
    }

    /// Handles the reply to an effect. The reply to an effect that was given up changes nothing.
    pub fn handle(&mut self, now: Now, call: CallId, reply: Reply) {
        self.transition(now, |stage, context| stage.on_reply(now, call, reply, context));
    }

    /// The next effect to execute now; `None` if there is none. Call it until it returns `None`, after each call of
    /// [`Self::handle`] and whenever [`Self::wake_in_ms`] has passed.
    pub fn poll_effect(&mut self, now: Now) -> Option<(CallId, Effect)> {
        if !self.context.has_effects() {
            self.advance(now);
        }
        self.context.next_effect()
    }

    /// Milliseconds until [`Self::poll_effect`] has an effect although no reply was handled; `None`: never.
    #[must_use]
    pub fn wake_in_ms(&self, now: Now) -> Option<u64> {
        match &self.stage {
            Stage::Waiting(waiting) => Some(waiting.wake_in_ms(now)),
            Stage::Live(live) => live.wake_in_ms(now, &self.context),
            _ => None,
        }
    }

    /// The next event for the observers, if there is one.
    pub fn poll_event(&mut self) -> Option<ProcessorEvent> {
        self.context.events.pop_front()
    }

    /// The report of the last committed transaction, with [`Settings::report_transactions`]. Each is returned once. Call it after
    /// each call of [`Self::handle`]: the next transaction's report replaces this one.
    pub fn poll_report(&mut self) -> Option<Box<TransactionReport>> {
        self.context.report.take()
    }

    /// Begins to give the partition up: no new transaction. With `flush`, the store is brought up to date first. Without,
    /// the processor waits for an open transaction only. [`Self::phase`] is `Dropped` when the partition is given up.
    pub fn stop(&mut self, now: Now, flush: bool) {
        let flush = flush && self.context.stopping.is_none_or(|stopping| stopping.flush);
        self.context.stopping = Some(Stopping { flush });
        match &self.stage {
            Stage::Live(_) => self.advance(now),
            Stage::Dropped | Stage::Halted(_) => {}
            _ => self.stage = Stage::dropped(&mut self.context),
        }
    }

    /// Stops for good, for a reason from outside such as a panic. The event has [`HaltCode::External`].
    pub fn halt(&mut self, reason: String) {
        self.stage = Stage::halted(HaltCode::External, reason, &mut self.context);
    }

    /// The phase, which follows from the stage.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        self.stage.phase(self.context.stopping.is_some())
    }

    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.context.partition
    }

    /// Estimated bytes in memory: inputs, plan, orders that wait for the store, and cached orders.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match &self.stage {
            Stage::Live(live) => live.memory_bytes(),
            _ => 0,
        }
    }

    /// Its settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.context.settings
    }

    /// The offset behind the last answered input; `None` unless the processor is live.
    #[must_use]
    pub fn committed(&self) -> Option<Offset> {
        match &self.stage {
            Stage::Live(live) => Some(live.committed),
            _ => None,
        }
    }

    /// The clock difference, if it is too large for decisions by time.
    #[must_use]
    pub fn skew(&self) -> Option<Skew> {
        match &self.stage {
            Stage::Live(live) => live.skew,
            _ => None,
        }
    }

    fn advance(&mut self, now: Now) {
        self.transition(now, |stage, context| stage.advance(now, context));
    }

    fn transition(&mut self, now: Now, next: impl FnOnce(Stage, &mut Context) -> Result<Stage, Interrupt>) {
        let phase = self.phase().name();
        // A panic leaves this stage behind; the driver halts the processor then.
        let stage = std::mem::replace(&mut self.stage, Stage::Dropped);
        self.stage = match next(stage, &mut self.context) {
            Ok(stage) => stage,
            Err(interrupt) => Stage::after(interrupt, phase, now, &mut self.context),
        };
    }
}

#[cfg(test)]
mod tests;
