//! Between two attempts: wait, then ask the group whether the partition still belongs to this process.

use super::acquiring::Acquiring;
use super::context::Context;
use super::effect::{CallId, Effect, Now, Phase, Reply};
use super::interrupt::{HaltCode, Interrupt, InterruptCode};
use super::stage::Stage;

/// The wait before a retry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Waiting {
    /// It names the phase that failed.
    phase: Phase,
    until_ms: u64,
    suspicion: Option<String>,
}

impl Waiting {
    pub(super) fn new(failed_phase: &'static str, until_ms: u64, suspicion: Option<String>) -> Self {
        Self { phase: Phase::Waiting(failed_phase), until_ms, suspicion }
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(super) fn wake_in_ms(&self, now: Now) -> u64 {
        self.until_ms.saturating_sub(now.elapsed_ms)
    }

    pub(super) fn advance(self, now: Now, context: &mut Context) -> Stage {
        if now.elapsed_ms < self.until_ms {
            return Stage::Waiting(self);
        }
        AskingGroup::begin(self.suspicion, context)
    }
}

/// The question to the group is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AskingGroup {
    call: CallId,
    /// Why the partition has a second writer, unless the group gave the partition to another member.
    suspicion: Option<String>,
}

impl AskingGroup {
    pub(super) fn begin(suspicion: Option<String>, context: &mut Context) -> Stage {
        Stage::AskingGroup(Self { call: context.issue(Effect::AskGroup), suspicion })
    }

    pub(super) fn on_reply(
        self,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        match reply {
            Reply::Owned(owned) if self.call == call => match (owned, self.suspicion) {
                (Ok(true), None) => Ok(Acquiring::begin(context)),
                (Ok(true), Some(suspicion)) => Err(Interrupt::halt(HaltCode::SecondWriter, suspicion)),
                (Ok(false), _) => Ok(Stage::dropped(context)),
                (Err(kind), suspicion) => {
                    let why = format!("asking the group whether it owns the partition: {kind:?}");
                    Err(Interrupt::Again { code: InterruptCode::CallFailed, why, suspicion })
                }
            },
            _ => Ok(Stage::AskingGroup(self)),
        }
    }
}
