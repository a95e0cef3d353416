//! The live state of a partition: read, plan, decide, commit, write.

use std::collections::{BTreeSet, VecDeque};

use super::basis::Basis;
use super::batch::{Decided, Plan};
use super::batch_size::BatchSize;
use super::clocks::Clocks;
use super::effect::{CallId, Skew};
use super::input::Input;
use super::memory::{self, DocumentSize, Shares};
use super::own::OwnRecords;
use super::replay::Replay;
use super::scan::Scan;
use super::settings::Settings;
use super::timers::Timers;
use super::write_buffer::{Cache, WriteAt, WriteBuffer, Writing};
use crate::ids::{Offset, OrderId, Partition, Timestamp};
use crate::port::{LogIdentity, ReadLimit, StoreWrite, Token};

/// The state of a live processor. Any failure discards all of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Live {
    acquisition: u128,
    /// The log's end at the acquisition. Up to there, inputs may be older than a timer that is due.
    pub(super) end_at_start: Offset,
    /// The last write that was issued.
    sequence: u64,
    /// The last write that the store confirmed.
    settled: Token,
    /// The checkpoint that the store confirmed: its offset and its answered offset.
    checkpoint: (Offset, Offset),
    log: LogIdentity,
    pub(super) scan: Scan,
    pub(super) own: OwnRecords,
    pub(super) clocks: Clocks,
    /// The clocks differ by more than permitted, so no timer fires.
    pub(super) skew: Option<Skew>,
    /// Orders that the store's index has and the log has not: a replay from the log's first record saw nothing of them.
    pub(super) ghosts: BTreeSet<OrderId>,
    /// The checkpoint before the first record that was read back of a transaction that is not known to be committed: what
    /// the store is given does not hold it yet.
    pub(super) held_back: Option<(Offset, Basis)>,
    /// Everything before it is decided and committed.
    pub(super) committed: Offset,
    pub(super) unwritten: WriteBuffer,
    pub(super) writing: Option<Writing>,
    pub(super) cache: Cache,
    pub(super) timers: Timers,
    pub(super) inbox: VecDeque<Input>,
    pub(super) inbox_bytes: usize,
    pub(super) shares: Shares,
    pub(super) document_size: DocumentSize,
    /// Where the next read begins.
    pub(super) read_position: Offset,
    pub(super) last_read_at: Timestamp,
    /// Records were read that the group's committed offset does not cover.
    pub(super) uncovered: bool,
    pub(super) reading: Option<CallId>,
    pub(super) cycle: Cycle,
    pub(super) last_work_ms: u64,
}

/// The step of the current cycle.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Cycle {
    Idle,
    /// Documents for a plan; `settled` is the last settled write when the load was issued.
    Loading {
        call: CallId,
        settled: u64,
        plan: Plan,
        ids: Vec<OrderId>,
    },
    Committing {
        call: CallId,
        decided: Decided,
        /// How much it was allowed to decide.
        batch: BatchSize,
    },
    /// Only the token is loaded, to verify that the store is at a write of this owner.
    Comparing {
        call: CallId,
        settled: u64,
    },
}

impl Live {
    pub(super) fn after(replay: Replay, token: Token, settings: &Settings, elapsed_ms: u64) -> Self {
        let (next, shares) = (replay.scan.next_unanswered(), Shares::of(settings.memory_bytes_max));
        Self {
            acquisition: replay.acquisition,
            end_at_start: replay.end,
            sequence: replay.sequence,
            settled: token,
            checkpoint: (replay.scan.to(), next),
            log: replay.log,
            scan: replay.scan,
            own: OwnRecords::default(),
            clocks: replay.clocks,
            skew: None,
            ghosts: replay.lost,
            held_back: None,
            committed: next,
            unwritten: WriteBuffer::default(),
            writing: None,
            cache: Cache::new(settings.cache_orders_max, shares.cache),
            document_size: replay.document_size,
            shares,
            inbox_bytes: 0,
            timers: replay.timers,
            inbox: VecDeque::new(),
            read_position: next,
            last_read_at: Timestamp::default(),
            uncovered: true,
            reading: None,
            cycle: Cycle::Idle,
            last_work_ms: elapsed_ms,
        }
    }

    pub(super) fn settled_sequence(&self) -> u64 {
        self.settled.sequence
    }

    /// The token is of this acquisition, not before the write that was settled when the load was issued, and not behind the
    /// last issued write.
    pub(super) fn is_own(&self, token: Option<Token>, settled_then: u64) -> bool {
        token.is_some_and(|token| {
            token.acquisition == self.acquisition && (settled_then..=self.sequence).contains(&token.sequence)
        })
    }

    /// The log is read up to `next`; `last_at` is the time of the last record, where there was one.
    pub(super) fn read_to(&mut self, next: Offset, last_at: Option<Timestamp>) {
        self.read_position = next;
        self.uncovered |= last_at.is_some();
        self.last_read_at = self.last_read_at.max(last_at.unwrap_or_default());
    }

    /// The input behind everything that has left the inbox.
    pub(super) fn next_input(&self) -> Offset {
        self.inbox.front().map_or(self.read_position, |input| input.offset)
    }

    /// When the next timer fires, if nothing is read meanwhile.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        if self.skew.is_some() {
            return None;
        }
        let blocked = self.read_position < self.end_at_start;
        self.timers.next_due().filter(|due| !blocked || *due <= self.last_read_at)
    }

    pub(super) fn take(&mut self, input: Input) {
        self.inbox_bytes += memory::of_input(&input);
        self.inbox.push_back(input);
    }

    /// There is room for more inputs.
    pub(super) fn wants_inputs(&self, settings: &Settings) -> bool {
        let room = self.inbox_bytes < self.shares.inbox || self.inbox.is_empty();
        room && self.inbox.len() < settings.inbox_inputs_max
    }

    /// There is room for more orders that wait for the store.
    pub(super) fn wants_work(&self, settings: &Settings) -> bool {
        let room = self.unwritten.bytes < self.shares.unwritten || self.unwritten.orders.is_empty();
        self.cycle == Cycle::Idle && room && self.unwritten.orders.len() < settings.unwritten_orders_max
    }

    /// What is read at once: no more than there is room for.
    pub(super) fn read_limit(&self, settings: &Settings) -> ReadLimit {
        let room = self.shares.inbox.saturating_sub(self.inbox_bytes);
        ReadLimit { bytes: settings.read.bytes.min(room.max(1)), ..settings.read }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let plan = match &self.cycle {
            Cycle::Loading { plan, .. } => plan.bytes(),
            Cycle::Committing { decided, .. } => {
                decided.changed.values().map(|changed| memory::of_order(&changed.order)).sum()
            }
            Cycle::Idle | Cycle::Comparing { .. } => 0,
        };
        let writing = self.writing.as_ref().map_or(0, |writing| writing.bytes);
        self.inbox_bytes + self.cache.bytes() + self.unwritten.bytes + writing + plan
    }

    /// Merges what is committed.
    pub(super) fn merge(&mut self, decided: Decided) {
        self.committed = decided.next;
        self.uncovered = decided.next < self.read_position;
        self.own.committed();
        self.held_back = None;
        if !self.ghosts.is_empty() {
            self.ghosts.retain(|order_id| !decided.changed.contains_key(order_id));
        }
        self.unwritten.merge(decided.changed, decided.outcomes);
    }

    /// There is something that the store does not have: orders, outcomes, or, when there is nothing else to do, a
    /// checkpoint further on.
    pub(super) fn wants_write(&self, at_rest: bool) -> bool {
        let behind = at_rest && self.checkpoint != (self.checkpoint_next().0, self.committed);
        self.writing.is_none() && (behind || !self.unwritten.is_empty())
    }

    /// Where the next checkpoint lies, and what it is made from.
    fn checkpoint_next(&self) -> (Offset, Option<&Basis>) {
        self.held_back.as_ref().map_or((self.scan.to(), None), |(offset, basis)| (*offset, Some(basis)))
    }

    /// The checkpoint that can be written before a record at `offset`.
    pub(super) fn hold_back(&mut self, offset: Offset) {
        if self.held_back.is_none() {
            let mut scan = self.scan.clone();
            scan.advance(offset);
            self.held_back = Some((offset, scan.basis(&self.log)));
        }
    }

    pub(super) fn begin_write(&mut self, call: CallId, partition: Partition) -> StoreWrite {
        self.sequence += 1;
        let token = Token { acquisition: self.acquisition, sequence: self.sequence };
        let (offset, basis) = self.checkpoint_next();
        let basis = basis.cloned().unwrap_or_else(|| self.scan.basis(&self.log));
        let at = WriteAt {
            partition,
            expected: Some(self.settled),
            next: token,
            offset,
            answered: self.committed,
            basis: basis.encode(),
        };
        let (checkpoint, bytes) = ((at.offset, at.answered), self.unwritten.bytes);
        let (write, orders) = std::mem::take(&mut self.unwritten).write(at);
        self.writing = Some(Writing { call, token, checkpoint, bytes, orders });
        write
    }

    pub(super) fn settle(&mut self, writing: Writing) {
        self.settled = writing.token;
        self.checkpoint = writing.checkpoint;
        for order in writing.orders.into_values() {
            self.cache.keep(order);
        }
    }
}
