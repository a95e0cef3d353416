//! Replay: bringing the store up to the log's end before anything is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::clocks::Clocks;
use super::effect::Stamp;
use super::event::ProcessorEvent;
use super::input::{Read, Reading, UNSIGNED, check_follows, foreign, has_fact, read_record};
use super::interrupt::{HaltCode, Interrupt};
use super::memory::DocumentSize;
use super::scan::Scan;
use super::settings::Settings;
use super::timers::Timers;
use super::unwritten::{Changed, Unwritten, index_entry};
use crate::fact::Fact;
use crate::ids::{Offset, OrderId, Partition, Version};
use crate::order::{Order, evolve};
use crate::outcome::OutcomeKind;
use crate::port::{Batch, Loaded, LogIdentity, Token};

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
    /// Orders that the store has lost, as far as the replay has seen nothing of them.
    pub(super) lost: BTreeSet<OrderId>,
    /// The write that the store is at.
    pub(super) token: Option<Token>,
    pub(super) sequence: u64,
    pub(super) timers: Timers,
    pub(super) clocks: Clocks,
    pub(super) document_size: DocumentSize,
    /// Facts and outcomes replayed so far.
    pub(super) replayed: u64,
    pub(super) step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Reading(Stamp),
    Loading { stamp: Stamp, chunk: Chunk, ids: Vec<OrderId> },
    Writing { stamp: Stamp, token: Token, next: Offset },
}

/// What a replay has to judge of the records between two positions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Chunk {
    records: Vec<Unjudged>,
    pub(super) next: Offset,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Unjudged {
    offset: Offset,
    payload: Bytes,
    signed: bool,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum What {
    Input,
    Foreign(String),
    Outcome { answers: Offset, is_dead_letter: bool },
    Fact(Box<Fact>),
    Newer(String),
}

impl What {
    fn of(reading: Reading) -> Self {
        match reading {
            Reading::Input(_) | Reading::Dead(_) => What::Input,
            Reading::Foreign(reason) => What::Foreign(reason),
            Reading::Outcome(outcome) => What::Outcome {
                answers: outcome.offset,
                is_dead_letter: matches!(outcome.result, OutcomeKind::DeadLettered { .. }),
            },
            Reading::Fact(fact) => What::Fact(fact),
            Reading::Newer(reason) => What::Newer(reason),
        }
    }
}

/// Where a replay begins.
pub(super) struct Begin {
    pub(super) acquisition: u128,
    pub(super) log: LogIdentity,
    pub(super) end: Offset,
    pub(super) scan: Scan,
    pub(super) token: Option<Token>,
    pub(super) sequence: u64,
    pub(super) timers: Timers,
    pub(super) clocks: Clocks,
    pub(super) lost: BTreeSet<OrderId>,
    pub(super) whole: bool,
    /// Where the first chunk is read: at the first unanswered input of the scan.
    pub(super) position: Offset,
}

impl Replay {
    pub(super) fn new(begin: Begin) -> Self {
        let Begin { acquisition, log, end, scan, token, sequence, timers, clocks, lost, whole, position } =
            begin;
        Self {
            acquisition,
            log,
            end,
            position,
            scan,
            whole,
            lost,
            token,
            sequence,
            timers,
            clocks,
            document_size: DocumentSize::default(),
            replayed: 0,
            step: Step::Reading(Stamp::default()),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        // At least one write, so that the store is at a token of this acquisition.
        self.position >= self.end && self.sequence > 0
    }

    pub(super) fn next_token(&mut self) -> Token {
        self.sequence += 1;
        Token { acquisition: self.acquisition, sequence: self.sequence }
    }

    /// What there is to judge in a batch. Before the scan's position everything is judged; what is unanswered of it is
    /// read again.
    pub(super) fn take_chunk(&mut self, batch: Batch, partition: Partition, settings: &Settings) -> Chunk {
        let mut records = Vec::new();
        for record in batch.records {
            let offset = record.offset;
            // What is read again has been judged, with its signature.
            let keys = settings.log_keys.as_ref().filter(|_| offset >= self.scan.to());
            let Read { reading, signed } = read_record(&record, partition, keys);
            let what = What::of(reading);
            if offset >= self.scan.to() {
                records.push(Unjudged { offset, payload: record.payload, signed, what });
            } else if self.scan.is_foreign(offset) {
                self.scan.foreign(offset);
            } else if what == What::Input {
                self.scan.input(offset);
            }
        }
        Chunk { records, next: batch.next }
    }

    /// Folds a chunk's facts onto the loaded documents.
    pub(super) fn fold(
        &mut self,
        chunk: Chunk,
        ids: &[OrderId],
        loaded: Loaded,
        partition: Partition,
        settings: &Settings,
    ) -> Result<(Unwritten, Vec<ProcessorEvent>), Interrupt> {
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
            let problem = match &record.what {
                What::Input => {
                    self.scan.input(offset);
                    None
                }
                What::Foreign(reason) => Some(reason.clone()),
                What::Outcome { .. } | What::Fact(_) | What::Newer(_) if unsigned => {
                    Some(UNSIGNED.to_owned())
                }
                What::Newer(reason) => return Err(Interrupt::halt(HaltCode::NewerRelease, reason.clone())),
                What::Outcome { answers, is_dead_letter } => self.outcome(&record, *answers, *is_dead_letter),
                What::Fact(fact) => self.fact(&record, fact, &mut fold, partition, settings)?,
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
        Ok((Unwritten { orders, ..Unwritten::default() }, events))
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
            if !order.is_some_and(|order| has_fact(&order, fact)) {
                let what = format!("order {} has another fact of version {}", fact.order_id, fact.version);
                return Ok(Some(foreign(&what)));
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
        if let What::Fact(fact) = &record.what {
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

    fn change(&mut self, order: Order) {
        let order_id = order.order_id.clone();
        let previous = self.before.get(&order_id).and_then(|order| order.as_ref());
        let previous = previous.map(|order| index_entry(order));
        let rebuilt = self.missing.contains(&order_id);
        self.changed.insert(order_id, Changed { order: Arc::new(order), previous, rebuilt });
    }
}

impl Chunk {
    pub(super) fn order_ids(&self) -> Vec<OrderId> {
        let fact = |record: &Unjudged| match &record.what {
            What::Fact(fact) => Some(fact.order_id.clone()),
            _ => None,
        };
        let ids: BTreeSet<_> = self.records.iter().filter_map(fact).collect();
        ids.into_iter().collect()
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
