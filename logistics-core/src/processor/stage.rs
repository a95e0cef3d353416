//! The stages of a processor. Each is a type that owns its data and has its own transitions.

use super::acquiring::{Acquiring, ReadingEnd, Recovering};
use super::checking::Checking;
use super::clearing::Clearing;
use super::context::Context;
use super::effect::{CallId, Now, Phase, Reply};
use super::event::ProcessorEvent;
use super::interrupt::{HaltCode, Interrupt, InterruptCode};
use super::live::Live;
use super::replaying::Replaying;
use super::waiting::{AskingGroup, Waiting};

/// The stage of a processor, with the data that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Waiting(Waiting),
    AskingGroup(AskingGroup),
    Acquiring(Acquiring),
    Recovering(Recovering),
    ReadingEnd(ReadingEnd),
    Checking(Box<Checking>),
    Clearing(Box<Clearing>),
    Replaying(Box<Replaying>),
    Live(Box<Live>),
    Dropped,
    Halted(Halted),
}

/// The processor stopped for good and keeps its partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Halted {
    phase: Phase,
}

impl Stage {
    /// The phase that the stage stands for; `stopping`: the processor gives its partition up.
    pub(super) fn phase(&self, stopping: bool) -> &Phase {
        match self {
            Stage::Waiting(waiting) => waiting.phase(),
            Stage::AskingGroup(_) => &Phase::AskingGroup,
            Stage::Acquiring(_) => &Phase::Acquiring,
            Stage::Recovering(_) => &Phase::Recovering,
            // The witness of a checkpoint is a part of finding where to begin.
            Stage::ReadingEnd(_) | Stage::Checking(_) => &Phase::ReadingEnd,
            Stage::Clearing(_) => &Phase::Clearing,
            Stage::Replaying(_) => &Phase::Replaying,
            Stage::Live(_) if stopping => &Phase::Stopping,
            Stage::Live(_) => &Phase::Live,
            Stage::Dropped => &Phase::Dropped,
            Stage::Halted(halted) => &halted.phase,
        }
    }

    /// The stage after a reply. A reply that the stage does not wait for leaves it as it is.
    ///
    /// # Errors
    /// The reason to discard the stage.
    pub(super) fn on_reply(
        self,
        now: Now,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Self, Interrupt> {
        match self {
            Stage::Live(live) => live.on_reply(now, call, reply, context),
            Stage::Replaying(replaying) => replaying.on_reply(now, call, reply, context),
            Stage::AskingGroup(asking) => asking.on_reply(call, reply, context),
            Stage::Acquiring(acquiring) => acquiring.on_reply(now, call, reply, context),
            Stage::Recovering(recovering) => recovering.on_reply(now, call, reply, context),
            Stage::ReadingEnd(reading) => reading.on_reply(call, reply, context),
            Stage::Checking(checking) => checking.on_reply(call, reply, context),
            Stage::Clearing(clearing) => clearing.on_reply(call, reply, context),
            stage @ (Stage::Waiting(_) | Stage::Dropped | Stage::Halted(_)) => Ok(stage),
        }
    }

    /// The stage at a later time: a wait ends, and a live owner begins what it can.
    ///
    /// # Errors
    /// The reason to discard the stage.
    pub(super) fn advance(self, now: Now, context: &mut Context) -> Result<Self, Interrupt> {
        match self {
            Stage::Live(live) => live.advance(now, context),
            Stage::Waiting(waiting) => Ok(waiting.advance(now, context)),
            stage => Ok(stage),
        }
    }

    /// The stage after an interrupt in the phase of that name. Nothing of the old stage is kept.
    pub(super) fn after(interrupt: Interrupt, phase: &'static str, now: Now, context: &mut Context) -> Self {
        let (code, why, suspicion) = match interrupt {
            Interrupt::Halt { code, reason } => return Self::halted(code, reason, context),
            _ if context.stopping.is_some() => return Self::dropped(context),
            Interrupt::SecondWriter(suspicion) => {
                context.withdraw_effects();
                return AskingGroup::begin(Some(suspicion), context);
            }
            Interrupt::Again { code, why, suspicion } => (code, why, suspicion),
            Interrupt::Rebuild { why, orders } => {
                context.lost.extend(orders);
                (InterruptCode::DocumentsLost, why, None)
            }
        };
        context.withdraw_effects();
        let retry_after_ms = context.settings.backoff().delay_ms(context.failures);
        context.failures = context.failures.saturating_add(1);
        context.emit(ProcessorEvent::Interrupted { code, phase, why, retry_after_ms });
        Stage::Waiting(Waiting::new(phase, now.elapsed_ms + retry_after_ms, suspicion))
    }

    pub(super) fn dropped(context: &mut Context) -> Self {
        context.withdraw_effects();
        Stage::Dropped
    }

    pub(super) fn halted(code: HaltCode, reason: String, context: &mut Context) -> Self {
        context.withdraw_effects();
        context.emit(ProcessorEvent::Halted { code, reason: reason.clone() });
        Stage::Halted(Halted { phase: Phase::Halted(reason) })
    }
}
