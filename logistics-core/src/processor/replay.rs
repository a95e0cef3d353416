//! Replay: bringing the store up to the log's end before anything is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::acquiring::Origin;
use super::basis::{Basis, Indexed};
use super::chunk::{Chunk, Claim, Unjudged};
use super::clocks::Clocks;
use super::event::ProcessorEvent;
use super::input::{UNSIGNED, check_follows, foreign, has_fact};
use super::interrupt::{HaltCode, Interrupt};
use super::memory::DocumentSize;
use super::scan::Scan;
use super::settings::Settings;
use super::timers::Timers;
use super::write_buffer::{Changed, WriteBuffer};
use crate::fact::Fact;
use crate::ids::{Offset, OrderId, Partition, Version};
use crate::order::{Order, evolve};
use crate::port::{IndexEntry, Loaded, LogIdentity, StoreCheckpoint, Token};

/// A replay under way: chunk by chunk, each read, loaded and written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Replay {
    pub(super) acquisition: u128,
    pub(super) log: LogIdentity,
    /// The log's end, read after the acquisition: it is behind every fact that any predecessor will ever have committed.
    pub(super) end: Offset,
    /// Where the next chunk is read.
    pub(super) position: Offset,
    pub(super) scan: Scan,
    /// It began at the log's first record, so that every document that the log implies comes back.
    pub(super) whole: bool,
    /// The orders that are in the lists of their parties. With [`Indexed::Before`], the replay writes every document again.
    pub(super) indexed: Indexed,
    /// Orders that the store has lost, as far as the replay has seen nothing of them.
    pub(super) lost: BTreeSet<OrderId>,
    /// The store had no checkpoint: it is new, or lost everything.
    pub(super) store_was_empty: bool,
    /// The write that the store is at.
    pub(super) token: Option<Token>,
    pub(super) sequence: u64,
    pub(super) timers: Timers,
    pub(super) clocks: Clocks,
    pub(super) document_size: DocumentSize,
    /// Facts and outcomes replayed so far.
    pub(super) replayed: u64,
}

impl Replay {
    /// From the log's first record, onto the documents that the store has.
    pub(super) fn whole(
        origin: Origin,
        token: Option<Token>,
        timers: Timers,
        lost: BTreeSet<OrderId>,
    ) -> Self {
        let Origin { acquisition, clocks, extent } = origin;
        Self {
            acquisition,
            log: extent.log,
            end: extent.bounds.end,
            position: Offset(0),
            scan: Scan::default(),
            whole: true,
            indexed: Indexed::All,
            lost,
            store_was_empty: token.is_none(),
            token,
            sequence: 0,
            timers,
            clocks,
            document_size: DocumentSize::default(),
            replayed: 0,
        }
    }

    /// From the first unanswered input of a checkpoint.
    pub(super) fn resume(
        origin: Origin,
        checkpoint: &StoreCheckpoint,
        timers: Timers,
        basis: Basis,
        lost: BTreeSet<OrderId>,
    ) -> Self {
        let (position, indexed) = (basis.unanswered, basis.indexed);
        let scan = Scan::resume(checkpoint.offset, basis);
        let whole = Self::whole(origin, Some(checkpoint.token), timers, lost);
        Self { position, scan, whole: false, indexed, ..whole }
    }

    pub(super) fn is_done(&self) -> bool {
        // At least one write, so that the store is at a token of this acquisition.
        self.position >= self.end && self.sequence > 0
    }

    pub(super) fn next_token(&mut self) -> Token {
        self.sequence += 1;
        Token { acquisition: self.acquisition, sequence: self.sequence }
    }

    /// Folds a chunk's facts onto the loaded documents.
    pub(super) fn fold(
        &mut self,
        chunk: Chunk,
        ids: &[OrderId],
        loaded: Loaded,
        partition: Partition,
        settings: &Settings,
    ) -> Result<(WriteBuffer, Vec<ProcessorEvent>), Interrupt> {
        self.document_size.seen(&loaded);
        let mut fold = Fold { before: BTreeMap::new(), changed: BTreeMap::new(), missing: loaded.missing };
        for (order_id, json) in ids.iter().zip(loaded.documents) {
            let order = json.map(|json| read_document(order_id, &json)).transpose();
            let order = order.map_err(|why| Interrupt::halt(HaltCode::DocumentUnusable, why))?;
            fold.before.insert(order_id.clone(), order);
        }
        let mut events = Vec::new();
        for record in chunk.records {
            let offset = record.offset;
            let unsigned = self.scan.lacks_signature(record.signed, settings);
            let problem = match &record.claim {
                Claim::Input => {
                    self.scan.input(offset);
                    None
                }
                Claim::Foreign(reason) => Some(reason.clone()),
                Claim::Outcome { .. } | Claim::Fact(_) | Claim::Newer(_) if unsigned => {
                    Some(UNSIGNED.to_owned())
                }
                Claim::Newer(reason) => return Err(Interrupt::halt(HaltCode::NewerRelease, reason.clone())),
                Claim::Outcome { answers, is_dead_letter } => {
                    self.outcome(&record, *answers, *is_dead_letter)
                }
                Claim::Fact(fact) => self.fact(&record, fact, &mut fold, partition, settings)?,
            };
            if let Some(problem) = problem {
                self.scan.foreign(offset);
                events.push(ProcessorEvent::Foreign { offset, reason: problem });
            }
        }
        self.scan.advance(chunk.next);
        let Fold { before, changed: orders, .. } = fold;
        for (order_id, changed) in &orders {
            let stored = before.get(order_id).and_then(|order| order.as_ref());
            self.timers.change(order_id, stored.and_then(|order| order.due()), changed.order.due());
        }
        Ok((WriteBuffer { orders, ..WriteBuffer::default() }, events))
    }

    /// Takes an outcome, or answers why it is none.
    ///
    /// A timer's fact that the store has already is either the fact, written after the checkpoint, or a copy of it, and a
    /// replay cannot tell which. So it changes nothing and wants no outcome. The owner that read it live could tell, and may
    /// have answered a copy with a dead letter. Such a letter answers nothing that is open, and changes nothing either.
    fn outcome(&mut self, record: &Unjudged, answers: Offset, is_dead_letter: bool) -> Option<String> {
        if self.scan.is_next_unanswered(answers) {
            self.accept(record, true);
            return None;
        }
        let repeated = is_dead_letter && answers < self.scan.first_unanswered().unwrap_or(record.offset);
        (!repeated).then(|| foreign(&out_of_order(answers)))
    }

    /// Takes a fact, or answers why it is none.
    fn fact(
        &mut self,
        record: &Unjudged,
        fact: &Fact,
        fold: &mut Fold,
        partition: Partition,
        settings: &Settings,
    ) -> Result<Option<String>, Interrupt> {
        let answers = fact.cause.answers();
        if let Some(answers) = answers.filter(|answers| !self.scan.is_next_unanswered(*answers)) {
            return Ok(Some(foreign(&out_of_order(answers))));
        }
        let order = fold.order(&fact.order_id);
        let version = order.as_ref().map_or(Version(0), |order| order.version);
        if fact.version <= version {
            let Some(order) = order.filter(|order| has_fact(order, fact)) else {
                let what = format!("order {} has another fact of version {}", fact.order_id, fact.version);
                return Ok(Some(foreign(&what)));
            };
            // The latest fact of the document, so that each document is written once.
            if self.indexed == Indexed::Before && fact.version == version {
                fold.write_again(order);
            }
            self.accept(record, answers.is_some());
            return Ok(None);
        }
        if let Err(what) = check_follows(fact, version, partition, settings.partitions) {
            // A whole replay has seen everything of an order that is not lost, unless the store loses it meanwhile.
            let seen = !self.lost.contains(&fact.order_id) && fold.missing.contains(&fact.order_id);
            if order.is_none() && fact.version.0 > 1 && (!self.whole || seen) {
                let why = format!("the store has lost the document of order {}", fact.order_id);
                return Err(Interrupt::Rebuild { why, orders: BTreeSet::from([fact.order_id.clone()]) });
            }
            return Ok(Some(foreign(&what)));
        }
        fold.change(evolve(order.map(Arc::unwrap_or_clone), fact)?);
        self.accept(record, answers.is_some());
        Ok(None)
    }

    fn accept(&mut self, record: &Unjudged, answers: bool) {
        self.replayed += 1;
        if let Claim::Fact(fact) = &record.claim {
            self.lost.remove(&fact.order_id);
        }
        self.scan.accept(record.offset, record.payload.clone(), answers, record.signed);
    }
}

/// The documents of a chunk.
struct Fold {
    before: BTreeMap<OrderId, Option<Arc<Order>>>,
    changed: BTreeMap<OrderId, Changed>,
    /// Orders of which the store has an index entry and no document.
    missing: BTreeSet<OrderId>,
}

impl Fold {
    fn order(&self, order_id: &OrderId) -> Option<Arc<Order>> {
        let changed = self.changed.get(order_id).map(|changed| changed.order.clone());
        changed.or_else(|| self.before.get(order_id).cloned().flatten())
    }

    /// Writes a document as it is, so that the store adds its missing index entries.
    fn write_again(&mut self, order: Arc<Order>) {
        let previous = Some(IndexEntry::from(&*order));
        let unchanged = |order| Changed { order, previous, rebuilt: false };
        self.changed.entry(order.order_id.clone()).or_insert_with(|| unchanged(order));
    }

    fn change(&mut self, order: Order) {
        let order_id = order.order_id.clone();
        let previous = self.before.get(&order_id).and_then(|order| order.as_ref());
        let previous = previous.map(|order| IndexEntry::from(&**order));
        let rebuilt = self.missing.contains(&order_id);
        self.changed.insert(order_id, Changed { order: Arc::new(order), previous, rebuilt });
    }
}

/// Why a record that answers this input is no owner's.
pub(super) fn out_of_order(answers: Offset) -> String {
    format!("it answers offset {answers}, which is not the next unanswered input")
}

/// The order of a document of the store.
///
/// # Errors
/// A sentence, for a document that nothing can be decided on.
pub(super) fn read_document(order_id: &OrderId, json: &[u8]) -> Result<Arc<Order>, String> {
    let problem = match Order::from_document(json) {
        Ok(order) if order.order_id == *order_id => return Ok(Arc::new(order)),
        Ok(order) => format!("it is that of {}", order.order_id),
        Err(error) => error.to_string(),
    };
    Err(format!(
        "the store's document of order {order_id} cannot be used ({problem}); empty the store, it is rebuilt from the log"
    ))
}
