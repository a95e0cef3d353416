//! From the assignment to a checkpoint and an end: acquire, recover, read the end.

use super::checking::check;
use super::clocks::Clocks;
use super::context::Context;
use super::effect::{CallId, Effect, Now, Reply};
use super::interrupt::Interrupt;
use super::stage::Stage;
use crate::port::{LogExtent, Recovery};

/// The log is asked to fence every previous owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Acquiring {
    call: CallId,
}

impl Acquiring {
    pub(super) fn begin(context: &mut Context) -> Stage {
        Stage::Acquiring(Self { call: context.issue(Effect::Acquire) })
    }

    pub(super) fn on_reply(
        self,
        now: Now,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        match reply {
            Reply::Acquired(acquired) if self.call == call => {
                let acquisition = acquired.map_err(|kind| Interrupt::of(kind, "acquiring the partition"))?;
                // The checkpoint before the end: a checkpoint read later could lie beyond the end.
                let call = context.issue(Effect::Recover);
                Ok(Stage::Recovering(Recovering { call, acquisition, issued: now }))
            }
            _ => Ok(Stage::Acquiring(self)),
        }
    }
}

/// The store's checkpoint is being read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Recovering {
    call: CallId,
    acquisition: u128,
    issued: Now,
}

impl Recovering {
    pub(super) fn on_reply(
        self,
        now: Now,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        match reply {
            Reply::Recovered(recovered) if self.call == call => {
                let recovery =
                    recovered.map_err(|kind| Interrupt::of(kind, "reading the store's checkpoint"))?;
                let mut clocks = Clocks::default();
                if let Some(store) = recovery.now {
                    clocks.store(store, self.issued, now);
                }
                let call = context.issue(Effect::ReadEnd);
                let acquisition = self.acquisition;
                Ok(Stage::ReadingEnd(ReadingEnd { call, acquisition, clocks, recovery }))
            }
            _ => Ok(Stage::Recovering(self)),
        }
    }
}

/// The log's end is being read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ReadingEnd {
    call: CallId,
    acquisition: u128,
    clocks: Clocks,
    recovery: Recovery,
}

/// What a replay begins with, whatever the checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) acquisition: u128,
    pub(super) clocks: Clocks,
    pub(super) extent: LogExtent,
}

impl ReadingEnd {
    pub(super) fn on_reply(
        self,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        match reply {
            Reply::End(extent) if self.call == call => {
                let extent = extent.map_err(|kind| Interrupt::of(kind, "reading the log's end"))?;
                let origin = Origin { acquisition: self.acquisition, clocks: self.clocks, extent };
                check(origin, self.recovery, context)
            }
            _ => Ok(Stage::ReadingEnd(self)),
        }
    }
}
