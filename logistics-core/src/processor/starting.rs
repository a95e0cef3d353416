//! From the assignment to the live state: ask, acquire, recover, read the end, replay.

use super::effect::{Effect, Notice, Now, Phase, Reply, Stamp};
use super::live::Live;
use super::replay::{Replay, Step};
use super::unwritten::{Unwritten, WriteAt};
use super::{Processor, Setback, Stage};
use crate::ids::Offset;
use crate::port::{PortErrorKind, Recovery, WriteOutcome};

impl Processor {
    /// Replies outside of the live state. A reply that the stage does not wait for leaves it as it is.
    pub(super) fn handle_start(
        &mut self,
        stage: Stage,
        now: Now,
        stamp: Stamp,
        reply: Reply,
    ) -> Result<(), Setback> {
        match (stage, reply) {
            (Stage::AskingGroup(asked), Reply::Owned(owned)) if asked == stamp => match owned {
                Ok(true) => self.acquire(),
                Ok(false) => self.drop_partition(),
                Err(kind) => return Err(Setback::again(format!("the group did not answer: {kind:?}"))),
            },
            (Stage::Acquiring(asked), Reply::Acquired(acquired)) if asked == stamp => {
                let acquisition = acquired.map_err(|kind| Setback::of(kind, "taking the partition over"))?;
                // The checkpoint before the end: a checkpoint read later could lie beyond the end.
                let stamp = self.issue(Effect::Recover);
                self.enter(Phase::Recovering, Stage::Recovering { stamp, acquisition });
            }
            (Stage::Recovering { stamp: asked, acquisition }, Reply::Recovered(recovered))
                if asked == stamp =>
            {
                let recovery =
                    recovered.map_err(|kind| Setback::of(kind, "reading the store's checkpoint"))?;
                let stamp = self.issue(Effect::ReadEnd);
                self.enter(Phase::ReadingEnd, Stage::ReadingEnd { stamp, acquisition, recovery });
            }
            (Stage::ReadingEnd { stamp: asked, acquisition, recovery }, Reply::End(end))
                if asked == stamp =>
            {
                let end = end.map_err(|kind| Setback::of(kind, "reading the log's end"))?.bounds.end;
                self.begin_replay(acquisition, recovery, end)?;
            }
            (Stage::Replaying(replay), reply) => return self.handle_replay(replay, now, stamp, reply),
            (stage, _) => self.stage = stage,
        }
        Ok(())
    }

    fn begin_replay(&mut self, acquisition: u128, recovery: Recovery, end: Offset) -> Result<(), Setback> {
        let position = recovery.checkpoint.as_ref().map_or(Offset(0), |checkpoint| checkpoint.offset);
        if position > end {
            self.ahead += 1;
            let what = format!("the store's checkpoint {position} lies beyond the log's end {end}");
            return Err(match self.ahead >= self.settings.ahead_attempts_max {
                true => Setback::Halt(format!(
                    "{what}: the store belongs to another log, or the log lost records; restore the log, or empty the store"
                )),
                false => Setback::Again(what),
            });
        }
        self.ahead = 0;
        let replay = Replay::new(acquisition, end, recovery, Stamp::default());
        self.phase = Phase::Replaying;
        self.continue_replay(Box::new(replay));
        Ok(())
    }

    /// The next chunk; without one, a write of the checkpoint alone, which puts the store under a token of this
    /// acquisition.
    fn continue_replay(&mut self, mut replay: Box<Replay>) {
        if replay.position < replay.end {
            let (from, limit) = (replay.position, self.settings.read);
            replay.step = Step::Reading(self.issue(Effect::Read { from, limit }));
            self.stage = Stage::Replaying(replay);
        } else {
            let next = replay.position;
            self.write_replayed(replay, Unwritten::default(), next);
        }
    }

    fn handle_replay(
        &mut self,
        mut replay: Box<Replay>,
        now: Now,
        stamp: Stamp,
        reply: Reply,
    ) -> Result<(), Setback> {
        match (&mut replay.step, reply) {
            (Step::Reading(asked), Reply::Read(read)) if *asked == stamp => {
                let batch = read.map_err(|kind| Setback::of(kind, "reading the log"))?;
                let chunk = replay.take_chunk(batch, self.partition).map_err(Setback::Halt)?;
                let ids = chunk.order_ids();
                let stamp = self.issue(Effect::Load { ids: ids.clone() });
                replay.step = Step::Loading { stamp, chunk, ids };
            }
            (Step::Loading { stamp: asked, chunk, ids }, Reply::Loaded(loaded)) if *asked == stamp => {
                let loaded = loaded.map_err(|kind| Setback::of(kind, "loading documents"))?;
                if loaded.token != replay.token {
                    return Err(Setback::again("somebody else wrote to the store meanwhile"));
                }
                let (chunk, ids) = (chunk.clone(), std::mem::take(ids));
                let unwritten = replay.fold(&chunk, &ids, loaded).map_err(Setback::Halt)?;
                self.write_replayed(replay, unwritten, chunk.next);
                return Ok(());
            }
            (Step::Writing { stamp: asked, token, next }, Reply::Written(written)) if *asked == stamp => {
                let (token, next) = (*token, *next);
                check_written(written)?;
                (replay.token, replay.position) = (Some(token), next);
                if replay.is_done() {
                    self.go_live(*replay, token, now);
                } else {
                    self.continue_replay(replay);
                }
                return Ok(());
            }
            _ => {}
        }
        self.stage = Stage::Replaying(replay);
        Ok(())
    }

    fn write_replayed(&mut self, mut replay: Box<Replay>, unwritten: Unwritten, next: Offset) {
        let token = replay.next_token();
        let at = WriteAt {
            partition: self.partition,
            expected: replay.token,
            next: token,
            offset: next,
            answered: replay.answered,
            basis: bytes::Bytes::new(),
        };
        let (write, _) = unwritten.write(at);
        let stamp = self.issue(Effect::Write(write));
        replay.step = Step::Writing { stamp, token, next };
        self.stage = Stage::Replaying(replay);
    }

    fn go_live(&mut self, replay: Replay, token: crate::port::Token, now: Now) {
        let (from, replayed) = (replay.answered, replay.replayed);
        self.notices.push_back(Notice::Live { from, replayed });
        let live = Live::after(replay, token, &self.settings, now.elapsed_ms);
        self.enter(Phase::Live, Stage::Live(Box::new(live)));
    }
}

/// Anything but a clear success of a store write means that the store may be at any token.
pub(super) fn check_written(written: Result<WriteOutcome, PortErrorKind>) -> Result<(), Setback> {
    match written {
        Ok(WriteOutcome::Applied) => Ok(()),
        Ok(WriteOutcome::Mismatch) => Err(Setback::again("somebody else wrote to the store")),
        Err(kind) => Err(Setback::of(kind, "writing to the store")),
    }
}
