//! The records of a replay between two positions, decoded and not yet judged.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::input::{Read, Reading, read_record};
use super::replay::Replay;
use super::settings::Settings;
use crate::fact::Fact;
use crate::ids::{Offset, OrderId, Partition};
use crate::outcome::OutcomeKind;
use crate::port::Batch;

/// What a replay has to judge of the records between two positions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Chunk {
    pub(super) records: Vec<Unjudged>,
    pub(super) next: Offset,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Unjudged {
    pub(super) offset: Offset,
    pub(super) payload: Bytes,
    pub(super) signed: bool,
    pub(super) claim: Claim,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Claim {
    Input,
    Foreign(String),
    Outcome { answers: Offset, is_dead_letter: bool },
    Fact(Box<Fact>),
    Newer(String),
}

impl Claim {
    fn of(reading: Reading) -> Self {
        match reading {
            Reading::Input(_) | Reading::Dead(..) => Claim::Input,
            Reading::Foreign(reason) => Claim::Foreign(reason),
            Reading::Outcome(outcome) => Claim::Outcome {
                answers: outcome.offset,
                is_dead_letter: matches!(outcome.result, OutcomeKind::DeadLettered { .. }),
            },
            Reading::Fact(fact) => Claim::Fact(fact),
            Reading::Newer(reason) => Claim::Newer(reason),
        }
    }
}

impl Chunk {
    pub(super) fn order_ids(&self) -> Vec<OrderId> {
        let fact = |record: &Unjudged| match &record.claim {
            Claim::Fact(fact) => Some(fact.order_id.clone()),
            _ => None,
        };
        let ids: BTreeSet<_> = self.records.iter().filter_map(fact).collect();
        ids.into_iter().collect()
    }
}

impl Replay {
    /// What there is to judge in a batch. Before the scan's position everything is judged; what is unanswered of it is
    /// read again.
    pub(super) fn take_chunk(&mut self, batch: Batch, partition: Partition, settings: &Settings) -> Chunk {
        let mut records = Vec::new();
        for record in batch.records {
            let offset = record.offset;
            // What is read again has been judged, with its signature.
            let keys = settings.log_keys.as_ref().filter(|_| offset >= self.scan.to());
            let Read { reading, signed } = read_record(&record, partition, keys);
            let claim = Claim::of(reading);
            if offset >= self.scan.to() {
                records.push(Unjudged { offset, payload: record.payload, signed, claim });
            } else if self.scan.is_foreign(offset) {
                self.scan.foreign(offset);
            } else if claim == Claim::Input {
                self.scan.input(offset);
            }
        }
        Chunk { records, next: batch.next }
    }
}
