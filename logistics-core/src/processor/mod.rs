//! The processor of one partition, without I/O: replies in, effects out.
//!
//! ```text
//! acquire -> recover -> read the end -> check -> replay -> live: read -> plan -> load -> decide -> commit -> merge
//!    ^                                                                                              |        |
//!    +------- wait <- ask the group <- anything that failed: all state is discarded <---------------+        +-> write to the store
//! ```
//!
//! A driver makes the calls that [`Processor::poll_effect`] names and hands the replies to [`Processor::handle`]. What is
//! promised, whatever calls fail, hang, or have an unknown outcome:
//!
//! - nothing is decided before the partition is acquired and replayed to the end that was read after that;
//! - a transaction is never retried from memory: after anything but a clear success, all state goes;
//! - decisions use states that the store held at a token of this acquisition, plus what this acquisition committed;
//! - a checkpoint is continued on the log that it was made from, and on no other;
//! - a record that claims to be an owner's and cannot be true changes no order, and is a dead letter;
//! - what a newer release wrote, it halts at; it never skips.

mod basis;
mod batch;
mod clocks;
mod effect;
mod event;
mod input;
mod interrupt;
mod live;
mod memory;
mod own;
mod reading;
mod replay;
mod running;
mod scan;
mod settings;
mod starting;
mod timers;
mod unwritten;

pub use effect::{Effect, Now, Phase, Reply, Skew, Stamp};
pub use event::ProcessorEvent;
pub use interrupt::{HaltCode, InterruptCode};
pub use settings::Settings;

use std::collections::{BTreeSet, VecDeque};

use crate::ids::{Offset, OrderId, Partition};
use crate::port::Recovery;
use clocks::Clocks;
use interrupt::Interrupt;
use live::Live;
use replay::Replay;
use starting::{Checking, Clearing};

/// The state machine that owns one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Processor {
    partition: Partition,
    settings: Settings,
    phase: Phase,
    stage: Stage,
    /// Failures since the last success.
    failures: u32,
    /// Acquisitions in a row that found the store ahead of the log.
    checkpoint_ahead: u32,
    /// Orders whose documents the store has lost: the next replay begins at the log's first record.
    lost: BTreeSet<OrderId>,
    /// Smaller than the settings say, since the log did not take a transaction that was larger.
    batch: Option<BatchSize>,
    /// What the store said of the time, for the replay to come.
    clocks: Clocks,
    stopping: Option<Stopping>,
    last_stamp: u64,
    outbox: VecDeque<(Stamp, Effect)>,
    events: VecDeque<ProcessorEvent>,
}

/// Where the processor is, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    Waiting {
        until_ms: u64,
        suspicion: Option<String>,
    },
    AskingGroup {
        stamp: Stamp,
        /// Why the partition has a second writer, unless the group gave the partition to another member.
        suspicion: Option<String>,
    },
    Acquiring(Stamp),
    Recovering {
        stamp: Stamp,
        acquisition: u128,
        asked: Now,
    },
    ReadingEnd {
        stamp: Stamp,
        acquisition: u128,
        recovery: Recovery,
    },
    Checking(Box<Checking>),
    Clearing(Box<Clearing>),
    Replaying(Box<Replay>),
    Live(Box<Live>),
    /// Dropped or halted.
    Over,
}

/// How much one transaction decides at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct BatchSize {
    inputs: usize,
    facts: usize,
}

impl BatchSize {
    fn of(settings: &Settings) -> Self {
        Self { inputs: settings.batch_inputs_max, facts: settings.batch_facts_max }
    }

    /// Half of what was too large; `None` where it cannot be less.
    fn halved(self) -> Option<Self> {
        let half = Self { inputs: (self.inputs / 2).max(1), facts: (self.facts / 2).max(1) };
        (half != self).then_some(half)
    }

    fn doubled(self) -> Self {
        Self { inputs: self.inputs.saturating_mul(2), facts: self.facts.saturating_mul(2) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Stopping {
    flush: bool,
}

impl Processor {
    /// A processor for a partition that was just assigned. Its first effect is to acquire it.
    #[must_use]
    pub fn new(partition: Partition, settings: Settings, _now: Now) -> Self {
        let mut processor = Self {
            partition,
            settings,
            phase: Phase::Acquiring,
            stage: Stage::Over,
            failures: 0,
            checkpoint_ahead: 0,
            lost: BTreeSet::new(),
            batch: None,
            clocks: Clocks::default(),
            stopping: None,
            last_stamp: 0,
            outbox: VecDeque::new(),
            events: VecDeque::new(),
        };
        processor.acquire();
        processor
    }

    /// Handles the reply to an effect. The reply to an effect that was given up changes nothing.
    pub fn handle(&mut self, now: Now, stamp: Stamp, reply: Reply) {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let result = match stage {
            Stage::Live(live) => self.handle_live(live, now, stamp, reply),
            stage => self.handle_start(stage, now, stamp, reply),
        };
        if let Err(interrupt) = result {
            self.interrupt(now, interrupt);
        }
    }

    /// The next thing to do now, if there is one. To be called until it answers `None`, after every call of
    /// [`Self::handle`] and whenever [`Self::wake_in_ms`] has passed.
    pub fn poll_effect(&mut self, now: Now) -> Option<(Stamp, Effect)> {
        if self.outbox.is_empty() {
            self.advance(now);
        }
        self.outbox.pop_front()
    }

    /// Milliseconds after which [`Self::poll_effect`] will have something to do though nothing was handled; `None`: never.
    #[must_use]
    pub fn wake_in_ms(&self, now: Now) -> Option<u64> {
        match &self.stage {
            Stage::Waiting { until_ms, .. } => Some(until_ms.saturating_sub(now.elapsed_ms)),
            Stage::Live(live) => self.wake_live_in_ms(live, now),
            _ => None,
        }
    }

    /// The next event for the observers, if there is one.
    pub fn poll_event(&mut self) -> Option<ProcessorEvent> {
        self.events.pop_front()
    }

    /// Begins to give the partition up: no new transaction. With `flush`, the store is brought up to date first; without,
    /// only an open transaction is waited for. [`Self::phase`] says `Dropped` when it is done.
    pub fn stop(&mut self, now: Now, flush: bool) {
        let flush = flush && self.stopping.is_none_or(|stopping| stopping.flush);
        self.stopping = Some(Stopping { flush });
        match &self.stage {
            Stage::Live(_) => {
                self.phase = Phase::Stopping;
                self.advance(now);
            }
            Stage::Over => {}
            _ => self.drop_partition(),
        }
    }

    /// Stops for good, for a reason from outside such as a panic. The event has [`HaltCode::External`].
    pub fn halt(&mut self, reason: String) {
        self.halt_with(HaltCode::External, reason);
    }

    fn halt_with(&mut self, code: HaltCode, reason: String) {
        self.outbox.clear();
        self.stage = Stage::Over;
        self.events.push_back(ProcessorEvent::Halted { code, reason: reason.clone() });
        self.phase = Phase::Halted(reason);
    }

    /// Where it is.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Its partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// An estimate of the bytes that it holds: inputs, plan, orders that wait for the store, and cached ones.
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
        &self.settings
    }

    /// The input behind everything that is committed; `None` unless it is live.
    #[must_use]
    pub fn committed(&self) -> Option<Offset> {
        match &self.stage {
            Stage::Live(live) => Some(live.committed),
            _ => None,
        }
    }

    /// The difference of the clocks, where it keeps this owner from deciding by time.
    #[must_use]
    pub fn skew(&self) -> Option<Skew> {
        match &self.stage {
            Stage::Live(live) => live.skew,
            _ => None,
        }
    }

    fn advance(&mut self, now: Now) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Waiting { until_ms, suspicion } if now.elapsed_ms >= until_ms => self.ask_group(suspicion),
            Stage::Live(live) => {
                if let Err(interrupt) = self.advance_live(live, now) {
                    self.interrupt(now, interrupt);
                }
            }
            stage => self.stage = stage,
        }
    }

    fn next_stamp(&mut self) -> Stamp {
        self.last_stamp += 1;
        Stamp(self.last_stamp)
    }

    fn issue(&mut self, effect: Effect) -> Stamp {
        let stamp = self.next_stamp();
        self.outbox.push_back((stamp, effect));
        stamp
    }

    fn enter(&mut self, phase: Phase, stage: Stage) {
        self.phase = phase;
        self.stage = stage;
    }

    fn ask_group(&mut self, suspicion: Option<String>) {
        let stamp = self.issue(Effect::AskGroup);
        self.enter(Phase::AskingGroup, Stage::AskingGroup { stamp, suspicion });
    }

    fn acquire(&mut self) {
        let stamp = self.issue(Effect::Acquire);
        self.enter(Phase::Acquiring, Stage::Acquiring(stamp));
    }

    fn drop_partition(&mut self) {
        self.outbox.clear();
        self.enter(Phase::Dropped, Stage::Over);
    }

    /// Discards all state; then waits, unless there is nothing to come back for.
    fn interrupt(&mut self, now: Now, interrupt: Interrupt) {
        self.outbox.clear();
        let (code, why, suspicion) = match interrupt {
            Interrupt::Halt { code, reason } => return self.halt_with(code, reason),
            _ if self.stopping.is_some() => return self.drop_partition(),
            Interrupt::SecondWriter(suspicion) => return self.ask_group(Some(suspicion)),
            Interrupt::Again { code, why, suspicion } => (code, why, suspicion),
            Interrupt::Rebuild { why, orders } => {
                self.lost.extend(orders);
                (InterruptCode::DocumentsLost, why, None)
            }
        };
        let retry_after_ms = self.settings.backoff().delay_ms(self.failures);
        self.failures = self.failures.saturating_add(1);
        let phase = self.phase.name();
        self.events.push_back(ProcessorEvent::Interrupted { code, phase, why, retry_after_ms });
        let until_ms = now.elapsed_ms + retry_after_ms;
        self.enter(Phase::Waiting(phase), Stage::Waiting { until_ms, suspicion });
    }
}

/// # Errors
/// An interrupt, where the store has lost documents: those of `missing` but for `ghosts`, which the log does not have.
fn check_missing(missing: &BTreeSet<OrderId>, ghosts: &BTreeSet<OrderId>) -> Result<(), Interrupt> {
    let orders: BTreeSet<_> = missing.difference(ghosts).cloned().collect();
    match orders.first() {
        None => Ok(()),
        Some(first) => {
            let why = format!("the store has lost {} documents, among them that of {first}", orders.len());
            Err(Interrupt::Rebuild { why, orders })
        }
    }
}

#[cfg(test)]
mod tests;
