//! The replay, chunk by chunk: read the log, load the documents, write them.

use std::collections::BTreeSet;

use super::basis::{Basis, Indexed};
use super::chunk::Chunk;
use super::context::Context;
use super::effect::{CallId, Effect, Now, Reply};
use super::event::ProcessorEvent;
use super::interrupt::{Interrupt, check_missing, check_written, store_mismatch};
use super::live::Live;
use super::memory::Shares;
use super::replay::Replay;
use super::stage::Stage;
use super::write_buffer::{WriteAt, WriteBuffer};
use crate::ids::{Offset, OrderId};
use crate::port::{Batch, Loaded, ReadLimit, Token};

/// A replay with its call under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Replaying {
    replay: Replay,
    step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Step {
    Reading(CallId),
    Loading { call: CallId, chunk: Chunk, ids: Vec<OrderId> },
    Writing { call: CallId, token: Token, next: Offset },
}

impl Replaying {
    pub(super) fn replay(&self) -> &Replay {
        &self.replay
    }

    pub(super) fn begin(mut replay: Replay, context: &mut Context) -> Stage {
        let step = Self::next_step(&mut replay, context);
        Stage::Replaying(Box::new(Self { replay, step }))
    }

    pub(super) fn on_reply(
        mut self: Box<Self>,
        now: Now,
        call: CallId,
        reply: Reply,
        context: &mut Context,
    ) -> Result<Stage, Interrupt> {
        self.step = match (self.step, reply) {
            (Step::Reading(issued), Reply::Read(read)) if issued == call => {
                let batch = read.map_err(|kind| Interrupt::of(kind, "reading the log"))?;
                Self::on_batch(&mut self.replay, batch, context)
            }
            (Step::Loading { call: issued, chunk, ids }, Reply::Loaded(loaded)) if issued == call => {
                let loaded = loaded.map_err(|kind| Interrupt::of(kind, "loading documents"))?;
                Self::on_documents(&mut self.replay, chunk, &ids, loaded, context)?
            }
            (Step::Writing { call: issued, token, next }, Reply::Written(written)) if issued == call => {
                check_written(written)?;
                (self.replay.token, self.replay.position) = (Some(token), next);
                if self.replay.is_done() {
                    return Ok(Self::go_live(self.replay, token, now, context));
                }
                Self::next_step(&mut self.replay, context)
            }
            (step, _) => step,
        };
        Ok(Stage::Replaying(self))
    }

    /// Reads the next chunk. Without one, writes the checkpoint alone, which puts the store under a token of this
    /// acquisition.
    fn next_step(replay: &mut Replay, context: &mut Context) -> Step {
        let from = replay.position;
        if from >= replay.end {
            return Self::write(replay, WriteBuffer::default(), from, context);
        }
        // Each record of a chunk may be a fact of a different order, whose document is loaded.
        let fit = replay.document_size.fit(Shares::of(context.settings.memory_bytes_max).plan);
        let limit = context.settings.read;
        let limit = ReadLimit { records: limit.records.min(fit), ..limit };
        Step::Reading(context.issue(Effect::Read { from, limit }))
    }

    fn on_batch(replay: &mut Replay, batch: Batch, context: &mut Context) -> Step {
        let chunk = replay.take_chunk(batch, context.partition, &context.settings);
        if chunk.next < replay.scan.to() {
            // Judged before the checkpoint was written: nothing to write.
            replay.position = chunk.next;
            return Self::next_step(replay, context);
        }
        let ids = chunk.order_ids();
        let call = context.issue(Effect::Load { ids: ids.clone() });
        Step::Loading { call, chunk, ids }
    }

    fn on_documents(
        replay: &mut Replay,
        chunk: Chunk,
        ids: &[OrderId],
        loaded: Loaded,
        context: &mut Context,
    ) -> Result<Step, Interrupt> {
        if loaded.token != replay.token {
            return Err(store_mismatch());
        }
        if !replay.whole {
            check_missing(&loaded.missing, &BTreeSet::new())?;
        }
        let next = chunk.next;
        let first = replay.replayed == 0;
        let (changed, events) = replay.fold(chunk, ids, loaded, context.partition, &context.settings)?;
        context.events.extend(events);
        // Without a previous owner's answers, the store is new and lacks nothing.
        if replay.store_was_empty && first && replay.replayed > 0 {
            let reason = "the store is empty, and the log has decided orders".to_owned();
            context.emit(ProcessorEvent::Rebuilding { reason });
        }
        Ok(Self::write(replay, changed, next, context))
    }

    fn write(replay: &mut Replay, changed: WriteBuffer, next: Offset, context: &mut Context) -> Step {
        let token = replay.next_token();
        if next >= replay.end {
            replay.indexed = Indexed::All;
        }
        let basis = Basis { indexed: replay.indexed, ..replay.scan.basis(&replay.log) };
        let at = WriteAt {
            partition: context.partition,
            expected: replay.token,
            next: token,
            offset: replay.scan.to(),
            answered: replay.scan.next_unanswered(),
            basis: basis.encode(),
        };
        let (write, _) = changed.write(at);
        let call = context.issue(Effect::Write(write));
        Step::Writing { call, token, next }
    }

    fn go_live(replay: Replay, token: Token, now: Now, context: &mut Context) -> Stage {
        if replay.whole {
            context.lost.clear();
        }
        let (from, replayed) = (replay.scan.next_unanswered(), replay.replayed);
        context.emit(ProcessorEvent::Live { from, replayed });
        Stage::Live(Box::new(Live::after(replay, token, &context.settings, now.elapsed_ms)))
    }
}
