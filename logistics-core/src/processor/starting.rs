//! From the assignment to the live state: ask, acquire, recover, read the end, check the checkpoint, replay.

use std::collections::BTreeSet;

use super::basis::{Basis, Witness};
use super::clocks::Clocks;
use super::effect::{Effect, Now, Phase, Reply, Stamp};
use super::event::ProcessorEvent;
use super::interrupt::{HaltCode, Interrupt, InterruptCode};
use super::live::Live;
use super::memory::Shares;
use super::replay::{Begin, Replay, Step};
use super::scan::Scan;
use super::timers::Timers;
use super::unwritten::{Unwritten, WriteAt};
use super::{Processor, Stage, check_missing};
use crate::ids::Offset;
use crate::port::{
    Batch, ClearOutcome, LogExtent, PortErrorKind, ReadLimit, Recovery, StoreCheckpoint, Token, WriteOutcome,
};

/// A checkpoint whose witness is being looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Checking {
    stamp: Stamp,
    acquisition: u128,
    checkpoint: StoreCheckpoint,
    timers: Timers,
    extent: LogExtent,
    basis: Basis,
    witness: Witness,
}

/// The store's contents of another log, on their way out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Clearing {
    stamp: Stamp,
    acquisition: u128,
    extent: LogExtent,
    /// Of the write that says so, which makes them unusable.
    token: Token,
    written: bool,
}

impl Processor {
    /// Replies outside of the live state. A reply that the stage does not wait for leaves it as it is.
    pub(super) fn handle_start(
        &mut self,
        stage: Stage,
        now: Now,
        stamp: Stamp,
        reply: Reply,
    ) -> Result<(), Interrupt> {
        match (stage, reply) {
            (Stage::AskingGroup { stamp: asked, suspicion }, Reply::Owned(owned)) if asked == stamp => {
                match (owned, suspicion) {
                    (Ok(true), None) => self.acquire(),
                    (Ok(true), Some(suspicion)) => {
                        return Err(Interrupt::halt(HaltCode::SecondWriter, suspicion));
                    }
                    (Ok(false), _) => self.drop_partition(),
                    (Err(kind), suspicion) => {
                        let why = format!("the group did not answer: {kind:?}");
                        return Err(Interrupt::Again { code: InterruptCode::CallFailed, why, suspicion });
                    }
                }
            }
            (Stage::Acquiring(asked), Reply::Acquired(acquired)) if asked == stamp => {
                let acquisition =
                    acquired.map_err(|kind| Interrupt::of(kind, "taking the partition over"))?;
                // The checkpoint before the end: a checkpoint read later could lie beyond the end.
                let stamp = self.issue(Effect::Recover);
                self.enter(Phase::Recovering, Stage::Recovering { stamp, acquisition, asked: now });
            }
            (Stage::Recovering { stamp: of, acquisition, asked }, Reply::Recovered(recovered))
                if of == stamp =>
            {
                let recovery =
                    recovered.map_err(|kind| Interrupt::of(kind, "reading the store's checkpoint"))?;
                self.clocks = Clocks::default();
                if let Some(store) = recovery.now {
                    self.clocks.store(store, asked, now);
                }
                let stamp = self.issue(Effect::ReadEnd);
                self.enter(Phase::ReadingEnd, Stage::ReadingEnd { stamp, acquisition, recovery });
            }
            (Stage::ReadingEnd { stamp: asked, acquisition, recovery }, Reply::End(extent))
                if asked == stamp =>
            {
                let extent = extent.map_err(|kind| Interrupt::of(kind, "reading the log's end"))?;
                self.check(acquisition, recovery, extent)?;
            }
            (Stage::Checking(checking), Reply::Read(read)) if checking.stamp == stamp => {
                let batch = read.map_err(|kind| Interrupt::of(kind, "reading the checkpoint's record"))?;
                self.compare(*checking, &batch)?;
            }
            (Stage::Clearing(clearing), Reply::Written(written)) if clearing.stamp == stamp => {
                check_written(written)?;
                self.clear(Clearing { written: true, ..*clearing });
            }
            (Stage::Clearing(clearing), Reply::Cleared(cleared)) if clearing.stamp == stamp => {
                let cleared =
                    cleared.map_err(|kind| Interrupt::of(kind, "removing documents of another log"))?;
                match cleared {
                    ClearOutcome::More => self.clear(*clearing),
                    ClearOutcome::Done => self.replay_cleared(*clearing),
                    ClearOutcome::Mismatch => {
                        return Err(Interrupt::again(
                            InterruptCode::StoreMismatch,
                            "another owner wrote to the store",
                        ));
                    }
                }
            }
            (Stage::Replaying(replay), reply) => return self.handle_replay(replay, now, stamp, reply),
            (stage, _) => self.stage = stage,
        }
        Ok(())
    }

    /// Whether the checkpoint can be continued on this log.
    fn check(&mut self, acquisition: u128, recovery: Recovery, extent: LogExtent) -> Result<(), Interrupt> {
        let timers = Timers::new(recovery.timers);
        let Some(checkpoint) = recovery.checkpoint else {
            self.replay_whole(acquisition, None, timers, extent);
            return Ok(());
        };
        // A checkpoint of an earlier release does not say what it was made from. Its documents are used, and seen again.
        let Some(basis) = checkpoint.basis.as_deref().and_then(Basis::parse) else {
            self.replay_whole(acquisition, Some(checkpoint.token), timers, extent);
            return Ok(());
        };
        if basis.log != extent.log {
            let what = format!("the store's checkpoint is of the log {}, this is {}", basis.log, extent.log);
            return self.begin_clearing(acquisition, checkpoint.token, extent, what);
        }
        if basis.clearing {
            let what = "the store still holds documents of another log".to_owned();
            return self.begin_clearing(acquisition, checkpoint.token, extent, what);
        }
        self.check_position(checkpoint.offset, extent.bounds.end)?;
        if !self.lost.is_empty() {
            self.replay_whole(acquisition, Some(checkpoint.token), timers, extent);
            return Ok(());
        }
        match basis.witness.clone() {
            Some(witness) if witness.offset >= extent.bounds.start => {
                let limit = ReadLimit { records: 1, ..self.settings.read };
                let stamp = self.issue(Effect::Read { from: witness.offset, limit });
                let checking = Checking { stamp, acquisition, checkpoint, timers, extent, basis, witness };
                self.stage = Stage::Checking(Box::new(checking));
            }
            _ => self.replay_from(acquisition, &checkpoint, timers, extent, basis),
        }
        Ok(())
    }

    fn check_position(&mut self, position: Offset, end: Offset) -> Result<(), Interrupt> {
        if position <= end {
            self.checkpoint_ahead = 0;
            return Ok(());
        }
        self.checkpoint_ahead += 1;
        let what = format!("the store's checkpoint {position} lies beyond the log's end {end}");
        Err(match self.checkpoint_ahead >= self.settings.ahead_attempts_max {
            true => {
                let reason = format!("{what}: the log lost records; restore the log, or empty the store");
                Interrupt::halt(HaltCode::LogLostRecords, reason)
            }
            false => Interrupt::again(InterruptCode::CheckpointAhead, what),
        })
    }

    /// Compares the checkpoint's record with the one that the log has at its place.
    fn compare(&mut self, checking: Checking, batch: &Batch) -> Result<(), Interrupt> {
        let Checking { acquisition, checkpoint, timers, extent, basis, witness, .. } = checking;
        let found = batch.records.first().filter(|record| record.offset == witness.offset);
        if found.is_some_and(|record| Witness::of(record.offset, &record.payload) == witness) {
            self.replay_from(acquisition, &checkpoint, timers, extent, basis);
            return Ok(());
        }
        let at = witness.offset;
        let what = format!("the log lost records: at offset {at} it has another record than the checkpoint");
        self.begin_clearing(acquisition, checkpoint.token, extent, what)
    }

    /// Makes the store's contents unusable, then removes them. A log that lacks its first records could not replace them.
    fn begin_clearing(
        &mut self,
        acquisition: u128,
        expected: Token,
        extent: LogExtent,
        what: String,
    ) -> Result<(), Interrupt> {
        if extent.bounds.start > Offset(0) {
            return Err(Interrupt::halt(
                HaltCode::LogLostRecords,
                format!(
                    "{what}, and this log begins at offset {}, so the store cannot be rebuilt from it; restore the log, or take \
                 the orders over with `logistics log import`",
                    extent.bounds.start
                ),
            ));
        }
        self.events.push_back(ProcessorEvent::Rebuilding { reason: what });
        let token = Token { acquisition, sequence: 1 };
        let at = WriteAt {
            partition: self.partition,
            expected: Some(expected),
            next: token,
            offset: Offset(0),
            answered: Offset(0),
            basis: Basis { clearing: true, ..Scan::default().basis(&extent.log) }.encode(),
        };
        let (write, _) = Unwritten::default().write(at);
        let stamp = self.issue(Effect::Write(write));
        let clearing = Clearing { stamp, acquisition, extent, token, written: false };
        self.enter(Phase::Clearing, Stage::Clearing(Box::new(clearing)));
        Ok(())
    }

    fn clear(&mut self, mut clearing: Clearing) {
        clearing.stamp = self.issue(Effect::Clear { token: clearing.token });
        self.stage = Stage::Clearing(Box::new(clearing));
    }

    fn replay_cleared(&mut self, clearing: Clearing) {
        let Clearing { acquisition, extent, token, .. } = clearing;
        let whole = self.whole(acquisition, extent);
        self.replay(Begin { token: Some(token), sequence: token.sequence, ..whole });
    }

    /// From the log's first record, onto the documents that are there.
    fn replay_whole(&mut self, acquisition: u128, token: Option<Token>, timers: Timers, extent: LogExtent) {
        let whole = self.whole(acquisition, extent);
        self.replay(Begin { token, timers, ..whole });
    }

    /// From the checkpoint.
    fn replay_from(
        &mut self,
        acquisition: u128,
        checkpoint: &StoreCheckpoint,
        timers: Timers,
        extent: LogExtent,
        basis: Basis,
    ) {
        let (token, position) = (Some(checkpoint.token), basis.unanswered);
        let scan = Scan::resume(checkpoint.offset, basis);
        let whole = self.whole(acquisition, extent);
        self.replay(Begin { token, timers, scan, position, whole: false, ..whole });
    }

    /// A replay from the log's first record into an empty store.
    fn whole(&self, acquisition: u128, extent: LogExtent) -> Begin {
        Begin {
            acquisition,
            log: extent.log,
            end: extent.bounds.end,
            scan: Scan::default(),
            token: None,
            sequence: 0,
            timers: Timers::default(),
            clocks: self.clocks.clone(),
            lost: self.lost.clone(),
            whole: true,
            position: Offset(0),
        }
    }

    fn replay(&mut self, begin: Begin) {
        self.phase = Phase::Replaying;
        self.continue_replay(Box::new(Replay::new(begin)));
    }

    /// The next chunk; without one, a write of the checkpoint alone, which puts the store under a token of this
    /// acquisition.
    fn continue_replay(&mut self, mut replay: Box<Replay>) {
        if replay.position < replay.end {
            let from = replay.position;
            // Each record of a chunk may be a fact of an order of its own, whose document is loaded.
            let fit = replay.document_size.fit(Shares::of(self.settings.memory_bytes_max).plan);
            let limit = ReadLimit { records: self.settings.read.records.min(fit), ..self.settings.read };
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
    ) -> Result<(), Interrupt> {
        match (&mut replay.step, reply) {
            (Step::Reading(asked), Reply::Read(read)) if *asked == stamp => {
                let batch = read.map_err(|kind| Interrupt::of(kind, "reading the log"))?;
                let chunk = replay.take_chunk(batch, self.partition, &self.settings);
                if chunk.next < replay.scan.to() {
                    // Judged before the checkpoint was written: nothing to write.
                    replay.position = chunk.next;
                    self.continue_replay(replay);
                    return Ok(());
                }
                let ids = chunk.order_ids();
                let stamp = self.issue(Effect::Load { ids: ids.clone() });
                replay.step = Step::Loading { stamp, chunk, ids };
            }
            (Step::Loading { stamp: asked, chunk, ids }, Reply::Loaded(loaded)) if *asked == stamp => {
                let loaded = loaded.map_err(|kind| Interrupt::of(kind, "loading documents"))?;
                if loaded.token != replay.token {
                    return Err(Interrupt::again(
                        InterruptCode::StoreMismatch,
                        "another owner wrote to the store meanwhile",
                    ));
                }
                if !replay.whole {
                    check_missing(&loaded.missing, &BTreeSet::new())?;
                }
                let (chunk, ids) = (std::mem::take(chunk), std::mem::take(ids));
                let next = chunk.next;
                let (unwritten, events) = replay.fold(chunk, &ids, loaded, self.partition, &self.settings)?;
                self.events.extend(events);
                self.write_replayed(replay, unwritten, next);
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
            offset: replay.scan.to(),
            answered: replay.scan.next_unanswered(),
            basis: replay.scan.basis(&replay.log).encode(),
        };
        let (write, _) = unwritten.write(at);
        let stamp = self.issue(Effect::Write(write));
        replay.step = Step::Writing { stamp, token, next };
        self.stage = Stage::Replaying(replay);
    }

    fn go_live(&mut self, replay: Replay, token: Token, now: Now) {
        if replay.whole {
            self.lost.clear();
        }
        let (from, replayed) = (replay.scan.next_unanswered(), replay.replayed);
        self.events.push_back(ProcessorEvent::Live { from, replayed });
        let live = Live::after(replay, token, &self.settings, now.elapsed_ms);
        self.enter(Phase::Live, Stage::Live(Box::new(live)));
    }
}

/// Anything but a clear success of a store write means that the store may be at any token.
pub(super) fn check_written(written: Result<WriteOutcome, PortErrorKind>) -> Result<(), Interrupt> {
    match written {
        Ok(WriteOutcome::Applied) => Ok(()),
        Ok(WriteOutcome::Mismatch) => {
            Err(Interrupt::again(InterruptCode::StoreMismatch, "another owner wrote to the store"))
        }
        Err(kind) => Err(Interrupt::of(kind, "writing to the store")),
    }
}
