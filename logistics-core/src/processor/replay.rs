//! Replay: bringing the store up to the log's end before anything is decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::effect::Stamp;
use super::input::unreadable;
use super::timers::Timers;
use super::unwritten::{Changed, Unwritten, index_entry};
use crate::fact::Fact;
use crate::ids::{Offset, OrderId, Partition};
use crate::order::{Order, evolve};
use crate::port::{Batch, Loaded, Recovery, Token};
use crate::wire::{self, Record};

/// A replay under way: chunk by chunk, each read, loaded and written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Replay {
    pub(super) acquisition: u128,
    /// The log's end, read after the acquisition: it is behind every fact that any predecessor will ever have committed.
    pub(super) end: Offset,
    /// Every fact before it is in the store.
    pub(super) position: Offset,
    /// The input behind the last one that is known to be answered.
    pub(super) answered: Offset,
    /// The write that the store is at.
    pub(super) token: Option<Token>,
    pub(super) sequence: u64,
    pub(super) timers: Timers,
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

/// The facts between two positions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Chunk {
    pub(super) facts: Vec<Fact>,
    pub(super) next: Offset,
}

impl Replay {
    pub(super) fn new(acquisition: u128, end: Offset, recovery: Recovery, stamp: Stamp) -> Self {
        let checkpoint = recovery.checkpoint.as_ref();
        Self {
            acquisition,
            end,
            position: checkpoint.map_or(Offset(0), |checkpoint| checkpoint.offset),
            answered: checkpoint.map_or(Offset(0), |checkpoint| checkpoint.answered),
            token: checkpoint.map(|checkpoint| checkpoint.token),
            sequence: 0,
            timers: Timers::new(recovery.timers),
            replayed: 0,
            step: Step::Reading(stamp),
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

    /// Takes the facts out of a batch, and what they and the other outcomes answer.
    pub(super) fn take_chunk(&mut self, batch: Batch, partition: Partition) -> Result<Chunk, String> {
        let mut facts = Vec::new();
        for record in batch.records {
            let answers = match wire::decode(&record, partition) {
                Ok(Record::Input(_)) => continue,
                Err(error) if !error.from_processor => continue,
                Err(error) => return Err(unreadable(partition, record.offset, &error)),
                Ok(Record::Outcome(outcome)) => Some(outcome.offset),
                Ok(Record::Fact(fact)) => {
                    let answers = fact.cause.answers();
                    facts.push(fact);
                    answers
                }
            };
            self.replayed += 1;
            if let Some(answers) = answers {
                self.answered = self.answered.max(answers.next());
            }
        }
        Ok(Chunk { facts, next: batch.next })
    }

    /// Folds a chunk's facts onto the loaded documents.
    pub(super) fn fold(
        &mut self,
        chunk: &Chunk,
        ids: &[OrderId],
        loaded: Loaded,
    ) -> Result<Unwritten, String> {
        let mut before = BTreeMap::new();
        for (order_id, json) in ids.iter().zip(loaded.documents) {
            before.insert(order_id.clone(), json.map(|json| read_document(order_id, &json)).transpose()?);
        }
        let mut orders: BTreeMap<OrderId, Changed> = BTreeMap::new();
        for fact in &chunk.facts {
            let stored = before.get(&fact.order_id).cloned().flatten();
            let previous = stored.as_ref().map(|order| index_entry(order));
            let order = orders.get(&fact.order_id).map(|changed| changed.order.clone()).or(stored);
            let version = order.as_ref().map(|order| order.version);
            let order = order.map(Arc::unwrap_or_clone);
            let evolved = evolve(order, fact).map_err(|gap| gap.to_string())?;
            if version != Some(evolved.version) {
                orders.insert(fact.order_id.clone(), Changed { order: Arc::new(evolved), previous });
            }
        }
        for (order_id, changed) in &orders {
            let stored = before.get(order_id).and_then(|order| order.as_ref());
            self.timers.change(order_id, stored.and_then(|order| order.due()), changed.order.due());
        }
        Ok(Unwritten { orders, outcomes: Vec::new() })
    }
}

impl Chunk {
    pub(super) fn order_ids(&self) -> Vec<OrderId> {
        let ids: BTreeSet<_> = self.facts.iter().map(|fact| &fact.order_id).collect();
        ids.into_iter().cloned().collect()
    }
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
