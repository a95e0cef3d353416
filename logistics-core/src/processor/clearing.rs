//! Removing what the store holds of another log, before this log is replayed into it.

use super::acquiring::Origin;
use super::basis::Basis;
use super::context::Context;
use super::effect::{CallId, Effect, Reply};
use super::event::ProcessorEvent;
use super::interrupt::{HaltCode, Interrupt, check_written, store_mismatch};
use super::replay::Replay;
use super::replaying::Replaying;
use super::scan::Scan;
use super::stage::Stage;
use super::timers::Timers;
use super::write_buffer::{WriteAt, WriteBuffer};
use crate::ids::Offset;
use crate::port::{ClearOutcome, Token};

/// The store's documents are being removed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Clearing {
    call: CallId,
    origin: Origin,
    /// Of the write that marked the documents as unusable.
    token: Token,
}

impl Clearing {
    /// Marks the store's documents as unusable, so that a processor that dies meanwhile does not continue them.
    ///
    /// # Errors
    /// A halt where the log lacks its first records: it could not replace the documents.
    pub(super) fn begin(
        origin: Origin,
        expected: Token,
        what: String,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        let start = origin.extent.bounds.start;
        if start > Offset(0) {
            return Err(Interrupt::halt(
                HaltCode::LogLostRecords,
                format!(
                    "{what}, and this log begins at offset {start}, so the store cannot be rebuilt from it; restore the log, \
                     or take the orders over with `logistics log import`"
                ),
            ));
        }
        context.emit(ProcessorEvent::Rebuilding { reason: what });
        let token = Token { acquisition: origin.acquisition, sequence: 1 };
        let at = WriteAt {
            partition: context.partition,
            expected: Some(expected),
            next: token,
            offset: Offset(0),
            answered: Offset(0),
            basis: Basis { clearing: true, ..Scan::default().basis(&origin.extent.log) }.encode(),
        };
        let (write, _) = WriteBuffer::default().write(at);
        let call = context.issue(Effect::Write(write));
        Ok(Stage::Clearing(Box::new(Self { call, origin, token })))
    }

    pub(super) fn on_reply(
        self: Box<Self>,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        match reply {
            Reply::Written(written) if self.call == call => {
                check_written(written)?;
                Ok(self.clear(context))
            }
            Reply::Cleared(cleared) if self.call == call => {
                let cleared =
                    cleared.map_err(|kind| Interrupt::of(kind, "removing documents of another log"))?;
                match cleared {
                    ClearOutcome::More => Ok(self.clear(context)),
                    ClearOutcome::Done => Ok((*self).replay(context)),
                    ClearOutcome::Mismatch => Err(store_mismatch()),
                }
            }
            _ => Ok(Stage::Clearing(self)),
        }
    }

    fn clear(mut self: Box<Self>, context: &mut Context) -> Stage {
        self.call = context.issue(Effect::Clear { token: self.token });
        Stage::Clearing(self)
    }

    fn replay(self, context: &mut Context) -> Stage {
        let Clearing { origin, token, .. } = self;
        let replay = Replay::whole(origin, Some(token), Timers::default(), context.lost.clone());
        Replaying::begin(Replay { sequence: token.sequence, ..replay }, context)
    }
}
