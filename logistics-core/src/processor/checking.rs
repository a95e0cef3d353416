//! Whether the store's checkpoint can be continued on this log.

use super::acquiring::Origin;
use super::basis::{Basis, Indexed, Witness};
use super::clearing::Clearing;
use super::context::Context;
use super::effect::{CallId, Effect, Reply};
use super::event::ProcessorEvent;
use super::interrupt::{HaltCode, Interrupt, InterruptCode};
use super::replay::Replay;
use super::replaying::Replaying;
use super::stage::Stage;
use super::timers::Timers;
use crate::ids::Offset;
use crate::port::{ReadLimit, Recovery, StoreCheckpoint};

/// The record that the checkpoint names as its witness is being read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Checking {
    call: CallId,
    origin: Origin,
    checkpoint: StoreCheckpoint,
    timers: Timers,
    basis: Basis,
    witness: Witness,
}

/// The stage that the checkpoint leads to.
///
/// # Errors
/// An interrupt where the checkpoint lies beyond the log's end, a halt where the store cannot be rebuilt from this log.
pub(super) fn check(origin: Origin, recovery: Recovery, context: &mut Context) -> Result<Stage, Interrupt> {
    let timers = Timers::new(recovery.timers);
    let whole = |origin, token, timers, indexed, context: &mut Context| {
        let replay = Replay::whole(origin, token, timers, context.lost.clone());
        Ok(Replaying::begin(Replay { indexed, ..replay }, context))
    };
    let Some(checkpoint) = recovery.checkpoint else {
        return whole(origin, None, timers, Indexed::All, context);
    };
    // A checkpoint of an earlier release has no basis. Its documents are kept, and the replay compares them.
    let Some(basis) = checkpoint.basis.as_deref().and_then(Basis::parse) else {
        return whole(origin, Some(checkpoint.token), timers, Indexed::Before, context);
    };
    if basis.log != origin.extent.log {
        let (of, log) = (&basis.log, &origin.extent.log);
        let what = format!("the store's checkpoint is of the log {of}, this is {log}");
        return Clearing::begin(origin, checkpoint.token, what, context);
    }
    if basis.clearing {
        let what = "the store still holds documents of another log".to_owned();
        return Clearing::begin(origin, checkpoint.token, what, context);
    }
    check_position(checkpoint.offset, origin.extent.bounds.end, context)?;
    if !context.lost.is_empty() {
        let indexed = if basis.indexed == Indexed::All { Indexed::All } else { Indexed::Before };
        return whole(origin, Some(checkpoint.token), timers, indexed, context);
    }
    match basis.witness.clone() {
        Some(witness) if witness.offset >= origin.extent.bounds.start => {
            let limit = ReadLimit { records: 1, ..context.settings.read };
            let call = context.issue(Effect::Read { from: witness.offset, limit });
            let checking = Checking { call, origin, checkpoint, timers, basis, witness };
            Ok(Stage::Checking(Box::new(checking)))
        }
        _ => Ok(resume(origin, &checkpoint, timers, basis, context)),
    }
}

/// Continues a checkpoint of this log. Without an index of parties, which an earlier release does not write, the replay begins at
/// the log's first record and writes every document again. The documents stay readable.
fn resume(
    origin: Origin,
    checkpoint: &StoreCheckpoint,
    timers: Timers,
    mut basis: Basis,
    context: &mut Context,
) -> Stage {
    let lost = context.lost.clone();
    if basis.indexed == Indexed::None {
        let start = origin.extent.bounds.start;
        if start == Offset(0) {
            context.emit(ProcessorEvent::Indexing);
            let replay = Replay::whole(origin, Some(checkpoint.token), timers, lost);
            return Replaying::begin(Replay { indexed: Indexed::Before, ..replay }, context);
        }
        // The log cannot supply all orders. Each is indexed with its next change.
        context.emit(ProcessorEvent::NotIndexed { start });
        basis.indexed = Indexed::All;
    }
    Replaying::begin(Replay::resume(origin, checkpoint, timers, basis, lost), context)
}

fn check_position(position: Offset, end: Offset, context: &mut Context) -> Result<(), Interrupt> {
    if position <= end {
        context.checkpoint_ahead = 0;
        return Ok(());
    }
    context.checkpoint_ahead += 1;
    let what = format!("the store's checkpoint {position} lies beyond the log's end {end}");
    Err(match context.checkpoint_ahead >= context.settings.ahead_attempts_max {
        true => {
            let reason = format!("{what}: the log lost records; restore the log, or empty the store");
            Interrupt::halt(HaltCode::LogLostRecords, reason)
        }
        false => Interrupt::again(InterruptCode::CheckpointAhead, what),
    })
}

impl Checking {
    /// Compares the witness with the record that the log has at its offset.
    pub(super) fn on_reply(
        self: Box<Self>,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        let read = match reply {
            Reply::Read(read) if self.call == call => read,
            _ => return Ok(Stage::Checking(self)),
        };
        let batch = read.map_err(|kind| Interrupt::of(kind, "reading the checkpoint's record"))?;
        let Checking { origin, checkpoint, timers, basis, witness, .. } = *self;
        let found = batch.records.first().filter(|record| record.offset == witness.offset);
        if found.is_some_and(|record| Witness::of(record.offset, &record.payload) == witness) {
            return Ok(resume(origin, &checkpoint, timers, basis, context));
        }
        let at = witness.offset;
        let what = format!("the log lost records: its record at offset {at} differs from the checkpoint's");
        Clearing::begin(origin, checkpoint.token, what, context)
    }
}
